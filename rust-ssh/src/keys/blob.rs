//! Public keys and signatures in their wire format (RFC 4253 section 6.6, RFC 5656, RFC 8332, RFC 8709), and the
//! table of signature algorithms.

use super::base64::{self, Base64Error};
#[cfg(feature = "certs")]
use super::cert;
#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
use crate::crypto::ecdsa::{self, Curve};
use crate::crypto::ed25519;
#[cfg(feature = "rsa")]
use crate::crypto::rsa;
use crate::error::{Error, KeyError, PeerError, Result, TrustError};
use crate::wire::Reader;

/// Length of the longest public key blob that this build makes or takes, certificates left out, in bytes.
pub const MAX_BLOB: usize = if cfg!(feature = "rsa") {
    // string "ssh-rsa", mpint e, mpint n of 8192 bits.
    4 + 7 + 4 + 9 + 4 + 1 + 8192 / 8
} else if cfg!(any(feature = "nistp256", feature = "nistp384", feature = "nistp521")) {
    // string "ecdsa-sha2-nistp521", string "nistp521", string point.
    4 + 19 + 4 + 8 + 4 + 133
} else {
    4 + 11 + 4 + ed25519::KEY_LEN
};
/// Length of the longest host key blob, certificates included. One of RSA keys of 4096 bits, the host's and the
/// authority's, takes 1.7 KB besides its names.
pub const MAX_HOST_BLOB: usize = if cfg!(feature = "certs") { 4096 } else { MAX_BLOB };
/// Length of the longest signature blob that this build makes, in bytes.
pub const MAX_SIGNATURE: usize = if cfg!(feature = "rsa") {
    4 + 12 + 4 + 4096 / 8
} else if cfg!(any(feature = "nistp256", feature = "nistp384", feature = "nistp521")) {
    4 + 19 + 4 + 2 * (4 + 1 + 66)
} else {
    4 + 11 + 4 + ed25519::SIGNATURE_LEN
};

/// How a signature is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RFC 8709.
    Ed25519,
    /// RFC 5656 section 3.1.
    #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
    Ecdsa(Curve),
    /// RFC 4253 section 6.6, RFC 8332.
    #[cfg(feature = "rsa")]
    Rsa(rsa::Hash),
}

/// A signature algorithm of [`KEY_ALGS`].
#[derive(Debug, PartialEq, Eq)]
pub struct KeyAlg {
    /// Its name in KEXINIT and in publickey requests.
    pub name: &'static str,
    /// The name of the key type it uses, as in key blobs. RSA has several algorithms for one type.
    pub key_type: &'static str,
    /// Its name in signatures, which for a certificate is that of the key in it.
    pub signature: &'static str,
    /// What it computes.
    pub scheme: Scheme,
    /// Not offered unless the program names it.
    pub only_named: bool,
}

impl KeyAlg {
    /// True when the key comes as a certificate.
    pub fn is_cert(&self) -> bool {
        self.name != self.signature
    }
}

/// A public key, borrowed from its blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicKey<'a> {
    /// ssh-ed25519 (RFC 8709): the compressed point.
    Ed25519(&'a [u8; ed25519::KEY_LEN]),
    /// ecdsa-sha2-* (RFC 5656): the point, uncompressed and on its curve.
    #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
    Ecdsa(Curve, &'a [u8]),
    /// ssh-rsa (RFC 4253 section 6.6).
    #[cfg(feature = "rsa")]
    Rsa(rsa::PublicKey<'a>),
}

/// The name of algorithm and key type of RFC 8709.
pub const ED25519: &str = "ssh-ed25519";
/// The name of RSA keys.
pub const RSA: &str = "ssh-rsa";
/// What the names of certificates end with (PROTOCOL.certkeys).
pub const CERT_SUFFIX: &str = "-cert-v01@openssh.com";

const fn alg(name: &'static str, key_type: &'static str, scheme: Scheme) -> KeyAlg {
    KeyAlg { name, key_type, signature: name, scheme, only_named: false }
}

#[cfg(feature = "certs")]
const fn cert(name: &'static str, key_type: &'static str, signature: &'static str, scheme: Scheme) -> KeyAlg {
    KeyAlg { name, key_type, signature, scheme, only_named: true }
}

/// All signature algorithms of this build, in the default order of preference. Certificates are asked for only
/// by who knows an authority.
pub static KEY_ALGS: &[KeyAlg] = &[
    alg(ED25519, ED25519, Scheme::Ed25519),
    #[cfg(feature = "nistp256")]
    alg("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", Scheme::Ecdsa(Curve::P256)),
    #[cfg(feature = "nistp384")]
    alg("ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", Scheme::Ecdsa(Curve::P384)),
    #[cfg(feature = "nistp521")]
    alg("ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", Scheme::Ecdsa(Curve::P521)),
    #[cfg(feature = "rsa")]
    alg("rsa-sha2-512", RSA, Scheme::Rsa(rsa::Hash::Sha512)),
    #[cfg(feature = "rsa")]
    alg("rsa-sha2-256", RSA, Scheme::Rsa(rsa::Hash::Sha256)),
    #[cfg(all(feature = "rsa", feature = "legacy"))]
    KeyAlg { name: RSA, key_type: RSA, signature: RSA, scheme: Scheme::Rsa(rsa::Hash::Sha1), only_named: true },
    #[cfg(feature = "certs")]
    cert("ssh-ed25519-cert-v01@openssh.com", "ssh-ed25519-cert-v01@openssh.com", ED25519, Scheme::Ed25519),
    #[cfg(all(feature = "certs", feature = "nistp256"))]
    cert(
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256-cert-v01@openssh.com",
        "ecdsa-sha2-nistp256",
        Scheme::Ecdsa(Curve::P256),
    ),
    #[cfg(all(feature = "certs", feature = "nistp384"))]
    cert(
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384-cert-v01@openssh.com",
        "ecdsa-sha2-nistp384",
        Scheme::Ecdsa(Curve::P384),
    ),
    #[cfg(all(feature = "certs", feature = "nistp521"))]
    cert(
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        "ecdsa-sha2-nistp521-cert-v01@openssh.com",
        "ecdsa-sha2-nistp521",
        Scheme::Ecdsa(Curve::P521),
    ),
    #[cfg(all(feature = "certs", feature = "rsa"))]
    cert(
        "rsa-sha2-512-cert-v01@openssh.com",
        "ssh-rsa-cert-v01@openssh.com",
        "rsa-sha2-512",
        Scheme::Rsa(rsa::Hash::Sha512),
    ),
    #[cfg(all(feature = "certs", feature = "rsa"))]
    cert(
        "rsa-sha2-256-cert-v01@openssh.com",
        "ssh-rsa-cert-v01@openssh.com",
        "rsa-sha2-256",
        Scheme::Rsa(rsa::Hash::Sha256),
    ),
];

/// The row of this algorithm.
pub fn find(name: &str) -> Option<&'static KeyAlg> {
    KEY_ALGS.iter().find(|alg| alg.name == name)
}

/// The algorithm that a user's key or certificate of this type signs with: the first that the server names in
/// server-sig-algs (RFC 8308 section 3.1). To one that names none, RSA goes with rsa-sha2-256, which is the one
/// that every server with more than ssh-rsa has (RFC 8332 section 3).
pub fn user_alg(key_type: &str, server_sig_algs: &str) -> Option<&'static KeyAlg> {
    let mut ours = KEY_ALGS.iter().filter(|alg| alg.key_type == key_type && (alg.is_cert() || !alg.only_named));
    let named = |alg: &&KeyAlg| server_sig_algs.split(',').any(|name| name == alg.signature || name == alg.name);
    ours.clone()
        .find(named)
        .or_else(|| ours.clone().find(|alg| alg.signature == "rsa-sha2-256"))
        .or_else(|| ours.next())
}

/// The key type that a blob names, known or not.
pub fn key_type(blob: &[u8]) -> Option<&str> {
    let name = Reader::new(blob).string().ok()?;
    core::str::from_utf8(name).ok().filter(|name| !name.is_empty() && name.is_ascii())
}

/// The error for keys of a type that this build cannot use.
pub(super) fn missing(name: &str) -> KeyError {
    let (plain, is_cert) = name.strip_suffix(CERT_SUFFIX).map_or((name, false), |plain| (plain, true));
    match plain {
        "ecdsa-sha2-nistp256" if !cfg!(feature = "nistp256") => KeyError::NeedsNistp256,
        "ecdsa-sha2-nistp384" if !cfg!(feature = "nistp384") => KeyError::NeedsNistp384,
        "ecdsa-sha2-nistp521" if !cfg!(feature = "nistp521") => KeyError::NeedsNistp521,
        RSA if !cfg!(feature = "rsa") => KeyError::NeedsRsa,
        _ if is_cert && !cfg!(feature = "certs") => KeyError::NeedsCerts,
        _ => KeyError::Type,
    }
}

/// Read a public key blob that is no certificate. Every byte must belong to the key.
///
/// # Errors
/// [`KeyError::Type`] or that which names the feature, for a key type that this build leaves out;
/// [`KeyError::TooShort`]; [`KeyError::TooLong`]; [`KeyError::Broken`] for the rest.
pub fn parse(blob: &[u8]) -> Result<PublicKey<'_>> {
    let name = key_type(blob).ok_or(KeyError::Broken)?;
    let mut reader = Reader::new(blob);
    reader.string()?;
    let key = read_key(name, &mut reader)?;
    reader.end().map_err(|_| KeyError::Broken)?;
    Ok(key)
}

/// The key of a blob, or the key that a certificate is about.
///
/// # Errors
/// As [`parse`].
pub fn parse_any(blob: &[u8]) -> Result<PublicKey<'_>> {
    #[cfg(feature = "certs")]
    if key_type(blob).is_some_and(|name| name.ends_with(CERT_SUFFIX)) {
        return cert::Certificate::parse(blob).map(|cert| cert.key);
    }
    parse(blob)
}

/// What follows the type's name in a blob.
pub(super) fn read_key<'a>(name: &str, reader: &mut Reader<'a>) -> Result<PublicKey<'a>> {
    let broken = |_| Error::from(KeyError::Broken);
    match name {
        // string key (RFC 8709 section 4).
        ED25519 => {
            let key = reader.string().map_err(broken)?.try_into().map_err(|_| KeyError::Broken)?;
            Ok(PublicKey::Ed25519(key))
        }
        // mpint e, mpint n (RFC 4253 section 6.6).
        #[cfg(feature = "rsa")]
        RSA => {
            let (e, n) = (reader.mpint().map_err(broken)?, reader.mpint().map_err(broken)?);
            rsa::PublicKey::new(n, e).map(PublicKey::Rsa)
        }
        // string curve, string point (RFC 5656 section 3.1). The curve's name stands there twice (ATTACKS 29).
        #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
        _ if name.starts_with(ECDSA_PREFIX) => {
            let curve = name.strip_prefix(ECDSA_PREFIX).and_then(|name| Curve::find(name.as_bytes()));
            let curve = curve.ok_or_else(|| missing(name))?;
            let (named, point) = (reader.string().map_err(broken)?, reader.string().map_err(broken)?);
            if named == curve.name().as_bytes() && curve.is_point(point) {
                Ok(PublicKey::Ecdsa(curve, point))
            } else {
                Err(KeyError::Broken.into())
            }
        }
        _ => Err(missing(name).into()),
    }
}

#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
const ECDSA_PREFIX: &str = "ecdsa-sha2-";

/// The name of the keys on a curve.
#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
pub fn ecdsa_type(curve: Curve) -> &'static str {
    KEY_ALGS.iter().find(|alg| alg.scheme == Scheme::Ecdsa(curve)).map_or("", |alg| alg.name)
}

/// Check the signature blob `signature` over `data`, made by algorithm `alg` with the key (or the key of the
/// certificate) `blob`. The names in all three must agree (ATTACKS 29). That a certificate can be trusted is
/// another question: see [`cert`](super::cert).
///
/// # Errors
/// [`PeerError::HostKeyFormat`] when `blob` is malformed or no key for `alg`; [`TrustError::TooShort`];
/// [`PeerError::Signature`] when the signature is malformed, of another algorithm, or wrong.
pub fn verify(alg: &str, blob: &[u8], data: &[u8], signature: &[u8]) -> Result<()> {
    let row = find(alg).ok_or(PeerError::HostKeyFormat)?;
    if key_type(blob) != Some(row.key_type) {
        return Err(PeerError::HostKeyFormat.into());
    }
    let key = parse_any(blob).map_err(|error| match error {
        Error::Key(KeyError::TooShort) => Error::from(TrustError::TooShort),
        _ => PeerError::HostKeyFormat.into(),
    })?;
    verify_with(row.scheme, row.signature, &key, data, signature)
}

/// The same with a key that was read already.
fn verify_with(scheme: Scheme, name: &str, key: &PublicKey<'_>, data: &[u8], signature: &[u8]) -> Result<()> {
    let raw = signature_of(name, signature).map_err(|_| PeerError::Signature)?;
    match (key, scheme) {
        (PublicKey::Ed25519(public), Scheme::Ed25519) => {
            let raw = raw.try_into().map_err(|_| PeerError::Signature)?;
            ed25519::verify(public, data, raw)
        }
        // mpint r, mpint s (RFC 5656 section 3.1.2).
        #[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
        (PublicKey::Ecdsa(curve, point), Scheme::Ecdsa(wanted)) if *curve == wanted => {
            let mut reader = Reader::new(raw);
            let wrong = |_| PeerError::Signature;
            let (r, s) = (reader.mpint().map_err(wrong)?, reader.mpint().map_err(wrong)?);
            reader.end().map_err(wrong)?;
            ecdsa::verify(*curve, point, data, r, s)
        }
        #[cfg(feature = "rsa")]
        (PublicKey::Rsa(key), Scheme::Rsa(hash)) => key.verify(hash, data, raw),
        #[allow(unreachable_patterns)] // in a build with one type of keys
        _ => Err(PeerError::HostKeyFormat.into()),
    }
}

/// Check a signature by any algorithm that is offered by default and fits the key, which is no certificate. The
/// signature names it.
///
/// # Errors
/// As [`parse`], and [`PeerError::Signature`].
pub fn verify_any(blob: &[u8], data: &[u8], signature: &[u8]) -> Result<()> {
    let key = parse(blob)?;
    let name = Reader::new(signature).string().map_err(|_| PeerError::Signature)?;
    let wanted = |row: &&KeyAlg| row.name.as_bytes() == name && !row.only_named && key_type(blob) == Some(row.key_type);
    let row = KEY_ALGS.iter().find(wanted).ok_or(PeerError::Signature)?;
    verify_with(row.scheme, row.signature, &key, data, signature)
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
    parse_any(out.get(..len).unwrap_or_default())?;
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
#[path = "blob_tests.rs"]
mod tests;
