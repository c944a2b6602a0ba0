//! Public keys and signatures in their wire format (RFC 4253 section 6.6, RFC 8709), and the table
//! of signature algorithms.

use super::base64::{self, Base64Error};
use crate::crypto::ed25519;
use crate::error::{Error, KeyError, PeerError, Result};
use crate::wire::Reader;

/// Length of the longest public key blob that this build makes, in bytes.
pub const MAX_BLOB: usize = 4 + 11 + 4 + ed25519::KEY_LEN;
/// Length of the longest signature blob that this build makes, in bytes.
pub const MAX_SIGNATURE: usize = 4 + 11 + 4 + ed25519::SIGNATURE_LEN;

/// A signature algorithm of [`KEY_ALGS`].
#[derive(Debug, PartialEq, Eq)]
pub struct KeyAlg {
    /// Its name in KEXINIT and in signatures.
    pub name: &'static str,
    /// The name of the key type it uses, as in key blobs. RSA has several algorithms for one type.
    pub key_type: &'static str,
    /// Too weak to be offered unless it is asked for by name.
    pub only_named: bool,
}

/// A public key, borrowed from its blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// ssh-ed25519 (RFC 8709): the compressed point.
    Ed25519(&'a [u8; ed25519::KEY_LEN]),
}

/// All signature algorithms of this build, in the default order of preference.
pub static KEY_ALGS: &[KeyAlg] = &[KeyAlg { name: ED25519, key_type: ED25519, only_named: false }];

/// The name of algorithm and key type of RFC 8709.
pub const ED25519: &str = "ssh-ed25519";

/// The names of [`KEY_ALGS`] in order.
pub fn host_key_algs() -> impl Iterator<Item = &'static str> + Clone {
    KEY_ALGS.iter().map(|alg| alg.name)
}

/// The row of this algorithm.
pub fn find(name: &str) -> Option<&'static KeyAlg> {
    KEY_ALGS.iter().find(|alg| alg.name == name)
}

/// The key type that a blob names, known or not.
pub fn key_type(blob: &[u8]) -> Option<&str> {
    let name = Reader::new(blob).string().ok()?;
    core::str::from_utf8(name).ok().filter(|name| !name.is_empty() && name.is_ascii())
}

/// Read a public key blob. Every byte must belong to the key.
///
/// # Errors
/// [`KeyError::Type`] for a key type that this build leaves out, [`KeyError::Broken`] for the rest.
pub fn parse(blob: &[u8]) -> Result<PublicKey<'_>> {
    match key_type(blob).ok_or(KeyError::Broken)? {
        ED25519 => parse_ed25519(blob).map_err(|_| KeyError::Broken.into()),
        _ => Err(KeyError::Type.into()),
    }
}

/// string "ssh-ed25519", string key (RFC 8709 section 4).
fn parse_ed25519(blob: &[u8]) -> Result<PublicKey<'_>> {
    let mut reader = Reader::new(blob);
    reader.string()?;
    let key = reader.string()?.try_into().map_err(|_| KeyError::Broken)?;
    reader.end()?;
    Ok(PublicKey::Ed25519(key))
}

/// Check the signature blob `signature` over `data`, made by algorithm `alg` with the key `blob`.
/// The names in all three must agree (ATTACKS 29).
///
/// # Errors
/// [`PeerError::HostKeyFormat`] when `blob` is malformed or no key for `alg`;
/// [`PeerError::Signature`] when the signature is malformed, of another algorithm, or wrong.
pub fn verify(alg: &str, blob: &[u8], data: &[u8], signature: &[u8]) -> Result<()> {
    let row = find(alg).ok_or(PeerError::HostKeyFormat)?;
    if key_type(blob) != Some(row.key_type) {
        return Err(PeerError::HostKeyFormat.into());
    }
    let key = parse(blob).map_err(|_| PeerError::HostKeyFormat)?;
    let raw = signature_of(alg, signature).map_err(|_| PeerError::Signature)?;
    match key {
        PublicKey::Ed25519(public) => {
            let raw = raw.try_into().map_err(|_| PeerError::Signature)?;
            ed25519::verify(public, data, raw)
        }
    }
}

/// The inner string of a signature blob of algorithm `alg`.
fn signature_of<'a>(alg: &str, blob: &'a [u8]) -> Result<&'a [u8]> {
    let mut reader = Reader::new(blob);
    if reader.string()? != alg.as_bytes() {
        return Err(PeerError::Signature.into());
    }
    let raw = reader.string()?;
    reader.end()?;
    Ok(raw)
}

/// Put the blob of the public key `text` into `out` and give its length. `text` is a line as in a .pub
/// file ("ssh-ed25519 AAAA... comment"), or a blob already.
///
/// # Errors
/// [`KeyError::Format`] when `text` is neither, [`KeyError::Type`] for a key type that this build
/// leaves out, [`KeyError::Broken`] when the key is cut short or not what its line says,
/// [`KeyError::NoMemory`] when `out` is too small.
pub fn parse_public_line(text: &[u8], out: &mut [u8]) -> Result<usize> {
    let len = decode_public_line(text, out)?;
    parse(out.get(..len).unwrap_or_default())?;
    Ok(len)
}

/// The same for a key of any type, known or not: somebody else may sign with it.
///
/// # Errors
/// As above, but for [`KeyError::Type`].
pub fn decode_public_line(text: &[u8], out: &mut [u8]) -> Result<usize> {
    if key_type(text).is_none() {
        return decode_line(text, out);
    }
    let room = out.get_mut(..text.len()).ok_or(KeyError::NoMemory)?;
    room.copy_from_slice(text);
    Ok(text.len())
}

/// Decode the second word, which must be a key of the type that the first word says.
fn decode_line(text: &[u8], out: &mut [u8]) -> Result<usize> {
    let line = text.trim_ascii().split(|c| matches!(c, b'\r' | b'\n')).next().unwrap_or_default();
    let mut words = line.split(|c| matches!(c, b' ' | b'\t')).filter(|word| !word.is_empty());
    let (Some(name), Some(encoded)) = (words.next(), words.next()) else {
        return Err(KeyError::Format.into());
    };
    if !is_key_type(name) {
        return Err(KeyError::Format.into());
    }
    let len = base64::decode(encoded, out).map_err(|error| match error {
        Base64Error::Text => Error::from(KeyError::Broken),
        Base64Error::Room => Error::from(KeyError::NoMemory),
    })?;
    let blob = out.get(..len).unwrap_or_default();
    if key_type(blob).map(str::as_bytes) == Some(name) { Ok(len) } else { Err(KeyError::Broken.into()) }
}

/// True when `word` looks like the name of a key type, ours or another.
pub(super) fn is_key_type(word: &[u8]) -> bool {
    let prefixes: [&[u8]; 4] = [b"ssh-", b"ecdsa-sha2-", b"sk-ssh-", b"sk-ecdsa-"];
    prefixes.iter().any(|prefix| word.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Writer;

    fn strings<'a>(out: &'a mut [u8], parts: &[&[u8]]) -> &'a [u8] {
        let mut writer = Writer::new(out);
        for part in parts {
            writer.string(part);
        }
        let len = writer.finish().unwrap();
        &out[..len]
    }

    // ATTACKS 29.
    #[test]
    fn algorithm_blob_and_signature_must_agree() {
        let key = ed25519::SigningKey::from_seed(&[8; 32]);
        let (public, raw) = (key.public(), key.sign(b"data"));
        let (mut a, mut b) = ([0; 200], [0; 200]);
        let blob = strings(&mut a, &[b"ssh-ed25519", &public]);
        let signature = strings(&mut b, &[b"ssh-ed25519", &raw]);
        let format = Err(Error::Peer(PeerError::HostKeyFormat));
        let wrong = Err(Error::Peer(PeerError::Signature));
        assert_eq!(verify(ED25519, blob, b"data", signature), Ok(()));
        assert_eq!(verify(ED25519, blob, b"date", signature), wrong);
        assert_eq!(verify("ssh-rsa", blob, b"data", signature), format);
        assert_eq!(verify("", blob, b"data", signature), format);

        let mut other = [0; 200];
        for parts in [&[b"ssh-rsa".as_slice(), &public][..], &[b"ssh-ed25519", &public[1..]]] {
            assert_eq!(verify(ED25519, strings(&mut other, parts), b"data", signature), format);
        }
        let trailing = strings(&mut other, &[b"ssh-ed25519", &public, b""]);
        assert_eq!(verify(ED25519, trailing, b"data", signature), format);
        for parts in [
            &[b"ssh-rsa".as_slice(), &raw][..],
            &[b"ssh-ed25519", &raw[1..]],
            &[b"ssh-ed25519", &raw, b""],
            &[b"ssh-ed25519"],
            &[],
        ] {
            assert_eq!(verify(ED25519, blob, b"data", strings(&mut other, parts)), wrong);
        }
        for cut in 0..blob.len() {
            assert_eq!(verify(ED25519, &blob[..cut], b"data", signature), format);
        }
        for cut in 0..signature.len() {
            assert_eq!(verify(ED25519, blob, b"data", &signature[..cut]), wrong);
        }
    }

    #[test]
    fn public_lines() {
        let line = include_bytes!("../../tests/vectors/keys/plain.pub");
        let mut blob = [0; MAX_BLOB];
        let len = parse_public_line(line, &mut blob).unwrap();
        assert_eq!(len, MAX_BLOB);
        assert_eq!(key_type(&blob), Some(ED25519));
        let mut again = [0; 100];
        assert_eq!(parse_public_line(&blob, &mut again), Ok(len));
        assert_eq!(again[..len], blob);
        let bad = |text: &[u8], out: &mut [u8]| parse_public_line(text, out).unwrap_err();
        let small = bad(line, &mut [0; MAX_BLOB - 1]);
        assert_eq!(small, KeyError::NoMemory.into());
        for (text, error) in [
            (&b""[..], KeyError::Format),
            (b"ssh-ed25519", KeyError::Format),
            (b"hello world", KeyError::Format),
            (b"ssh-ed25519 AAAA", KeyError::Broken),
            (b"ssh-ed25519 !!!!", KeyError::Broken),
            (b"ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=", KeyError::Type),
            (b"ssh-ed25519 AAAAB3NzaC1yc2EAAAADAQABAAAAAQE=", KeyError::Broken),
        ] {
            assert_eq!(bad(text, &mut again), error.into());
        }
    }
}
