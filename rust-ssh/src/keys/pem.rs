//! Private keys in PKCS#8 (RFC 5958) and in the traditional forms of each type (RFC 8017 appendix A.1.2,
//! RFC 5915), plain or encrypted with a passphrase.

use aes::cipher::BlockSizeUser;
use hmac::{Hmac, KeyInit};
use md5::{Digest as _, Md5};
use zeroize::Zeroizing;

use super::armour::{Armour, Label};
use super::der::{self, Der};
use super::file_cipher::Cipher;
use super::private::{PrivateKey, decode};
#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
use crate::crypto::ecdsa;
use crate::crypto::ed25519;
#[cfg(feature = "rsa")]
use crate::crypto::rsa;
use crate::error::{KeyError, Result};

/// The most iterations that a file may ask for. openssl writes 2048, careful people up to 600,000; a file that
/// asks for billions would keep any processor busy for hours (ATTACKS 73).
pub(super) const MAX_ITERATIONS: u32 = 1_000_000;

// Object identifiers (RFC 8017 appendix A.1, RFC 5480 section 2.1.1, RFC 8410 section 3, RFC 8018 appendix C).
const RSA_ENCRYPTION: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
const EC_PUBLIC_KEY: &[u8] = b"\x2a\x86\x48\xce\x3d\x02\x01";
const ED25519: &[u8] = b"\x2b\x65\x70";
const P256: &[u8] = b"\x2a\x86\x48\xce\x3d\x03\x01\x07";
const P384: &[u8] = b"\x2b\x81\x04\x00\x22";
const P521: &[u8] = b"\x2b\x81\x04\x00\x23";
const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
const HMAC_SHA1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x07";
const HMAC_SHA256: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x09";
const HMAC_SHA512: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x0b";
const AES128_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x02";
const AES192_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x16";
const AES256_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a";

const IV: usize = 16;
/// The longest key and the IV behind it.
type KeyAndIv = Zeroizing<[u8; 32 + IV]>;

/// Read the file, which is decoded into `scratch` and decrypted there.
pub(super) fn parse(armour: &Armour<'_>, passphrase: Option<&[u8]>, scratch: &mut [u8]) -> Result<PrivateKey> {
    let (headers, body) = split_headers(armour.body);
    let len = decode(body, scratch)?;
    let file = scratch.get_mut(..len).ok_or(KeyError::Broken)?;
    let plain = match armour.label {
        Label::EncryptedPkcs8 => open_pkcs8(file, passphrase)?,
        Label::Rsa | Label::Ec if !headers.is_empty() => open_traditional(headers, file, passphrase)?,
        _ if !headers.is_empty() => return Err(KeyError::Broken.into()),
        _ => file,
    };
    match armour.label {
        Label::Rsa => pkcs1(plain),
        Label::Ec => sec1(plain, None),
        _ => pkcs8(plain),
    }
}

/// The lines "Name: value" before an empty line, and the base64 behind it (RFC 1421 section 4.4).
fn split_headers(body: &[u8]) -> (&[u8], &[u8]) {
    if !body.contains(&b':') {
        return (&[], body);
    }
    let mut at = 0usize;
    for line in body.trim_ascii_start().split_inclusive(|c| *c == b'\n') {
        at = at.saturating_add(line.len());
        if line.trim_ascii().is_empty() {
            break;
        }
    }
    body.trim_ascii_start().split_at_checked(at).unwrap_or((body, &[]))
}

/// PrivateKeyInfo.
fn pkcs8(bytes: &[u8]) -> Result<PrivateKey> {
    let mut file = Der::new(bytes);
    let mut info = file.inside(der::SEQUENCE)?;
    file.end()?;
    let version = info.u32()?;
    let mut algorithm = info.inside(der::SEQUENCE)?;
    let oid = algorithm.value(der::OID)?;
    let key = info.value(der::OCTET_STRING)?;
    info.optional(der::CONTEXT_0)?;
    let public = info.optional(der::CONTEXT_1_PRIMITIVE)?;
    info.end()?;
    if version != u32::from(public.is_some()) {
        // The second version is the one with the public key (RFC 5958 section 2).
        return Err(KeyError::Broken.into());
    }
    match oid {
        RSA_ENCRYPTION => {
            algorithm.value(der::NULL)?;
            algorithm.end()?;
            pkcs1(key)
        }
        EC_PUBLIC_KEY => {
            let curve = algorithm.value(der::OID)?;
            algorithm.end()?;
            sec1(key, Some(curve))
        }
        ED25519 => {
            algorithm.end()?;
            curve25519(key, public)
        }
        _ => Err(KeyError::Type.into()),
    }
}

/// CurvePrivateKey (RFC 8410 section 7).
fn curve25519(bytes: &[u8], public: Option<&[u8]>) -> Result<PrivateKey> {
    let mut inner = Der::new(bytes);
    let seed = inner.value(der::OCTET_STRING)?.try_into().map_err(|_| KeyError::Broken)?;
    inner.end()?;
    let key = ed25519::SigningKey::from_seed(seed);
    // A BIT STRING, which starts with the number of bits left over.
    match public {
        Some([0, public @ ..]) if *public == key.public() => {}
        None => {}
        Some(_) => return Err(KeyError::Broken.into()),
    }
    Ok(PrivateKey::Ed25519(key))
}

/// RSAPrivateKey.
#[cfg(feature = "rsa")]
fn pkcs1(bytes: &[u8]) -> Result<PrivateKey> {
    let mut file = Der::new(bytes);
    let mut key = file.inside(der::SEQUENCE)?;
    file.end()?;
    // Version 1 has more than two primes.
    if key.u32()? != 0 {
        return Err(KeyError::Type.into());
    }
    let mut number = || key.integer();
    let (n, e, d, p, q) = (number()?, number()?, number()?, number()?, number()?);
    let (dp, dq, qinv) = (number()?, number()?, number()?);
    key.end()?;
    let parts = rsa::Parts { n, e, d, p, q, crt: Some((dp, dq)), qinv };
    rsa::SigningKey::new(&parts).map(PrivateKey::Rsa)
}

#[cfg(not(feature = "rsa"))]
fn pkcs1(_: &[u8]) -> Result<PrivateKey> {
    Err(KeyError::NeedsRsa.into())
}

/// ECPrivateKey. `curve`: from around it, where it need not be said again.
#[allow(unused_variables)] // in a build without these curves
fn sec1(bytes: &[u8], curve: Option<&[u8]>) -> Result<PrivateKey> {
    let mut file = Der::new(bytes);
    let mut key = file.inside(der::SEQUENCE)?;
    file.end()?;
    if key.u32()? != 1 {
        return Err(KeyError::Broken.into());
    }
    let secret = key.value(der::OCTET_STRING)?;
    let named = match key.optional(der::CONTEXT_0)? {
        Some(inside) => {
            let mut inside = Der::new(inside);
            let oid = inside.value(der::OID)?;
            inside.end()?;
            Some(oid)
        }
        None => None,
    };
    let public = key.optional(der::CONTEXT_1)?;
    key.end()?;
    let oid = match (curve, named) {
        (Some(curve), Some(named)) if curve != named => return Err(KeyError::Broken.into()),
        (Some(oid), _) | (None, Some(oid)) => oid,
        (None, None) => return Err(KeyError::Broken.into()),
    };
    ec_key(oid, secret, public)
}

#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
fn ec_key(oid: &[u8], secret: &[u8], public: Option<&[u8]>) -> Result<PrivateKey> {
    let curve = ecdsa::Curve::find(curve_name(oid)).ok_or_else(|| missing_curve(oid))?;
    if secret.len() != curve.field_len() {
        return Err(KeyError::Broken.into());
    }
    let key = ecdsa::SigningKey::new(curve, secret).ok_or(KeyError::Broken)?;
    if let Some(public) = public {
        let mut inside = Der::new(public);
        let bits = inside.value(der::BIT_STRING)?;
        inside.end()?;
        if bits.split_first() != Some((&0, key.public().as_ref())) {
            return Err(KeyError::Broken.into());
        }
    }
    Ok(PrivateKey::Ecdsa(key))
}

#[cfg(not(any(feature = "nistp256", feature = "nistp384", feature = "nistp521")))]
fn ec_key(oid: &[u8], _: &[u8], _: Option<&[u8]>) -> Result<PrivateKey> {
    Err(missing_curve(oid).into())
}

#[cfg(any(feature = "nistp256", feature = "nistp384", feature = "nistp521"))]
fn curve_name(oid: &[u8]) -> &'static [u8] {
    match oid {
        P256 => b"nistp256",
        P384 => b"nistp384",
        P521 => b"nistp521",
        _ => b"",
    }
}

fn missing_curve(oid: &[u8]) -> KeyError {
    match oid {
        P256 => KeyError::NeedsNistp256,
        P384 => KeyError::NeedsNistp384,
        P521 => KeyError::NeedsNistp521,
        _ => KeyError::Type,
    }
}

/// EncryptedPrivateKeyInfo with PBES2 (RFC 8018 section 6.2): decrypted in place.
fn open_pkcs8<'f>(file: &'f mut [u8], passphrase: Option<&[u8]>) -> Result<&'f [u8]> {
    let mut outer = Der::new(file);
    let mut info = outer.inside(der::SEQUENCE)?;
    outer.end()?;
    let mut algorithm = info.inside(der::SEQUENCE)?;
    let sealed_len = info.value(der::OCTET_STRING)?.len();
    info.end()?;
    if algorithm.value(der::OID)? != PBES2 {
        return Err(KeyError::Kdf.into());
    }
    let mut parameters = algorithm.inside(der::SEQUENCE)?;
    algorithm.end()?;
    let (mut kdf, mut scheme) = (parameters.inside(der::SEQUENCE)?, parameters.inside(der::SEQUENCE)?);
    parameters.end()?;
    let cipher = match scheme.value(der::OID)? {
        AES128_CBC => Cipher::Aes128Cbc,
        AES192_CBC => Cipher::Aes192Cbc,
        AES256_CBC => Cipher::Aes256Cbc,
        _ => return Err(KeyError::Cipher.into()),
    };
    let iv: [u8; IV] = scheme.value(der::OCTET_STRING)?.try_into().map_err(|_| KeyError::Broken)?;
    scheme.end()?;
    if kdf.value(der::OID)? != PBKDF2 {
        return Err(KeyError::Kdf.into());
    }
    let key_and_iv = pbkdf2(kdf, cipher, &iv, passphrase)?;
    // The octet string ends the file.
    let start = file.len().saturating_sub(sealed_len);
    unseal(cipher, &key_and_iv, file.get_mut(start..).unwrap_or_default())
}

/// PBKDF2-params, and the key that they give.
fn pbkdf2(mut kdf: Der<'_>, cipher: Cipher, iv: &[u8; IV], passphrase: Option<&[u8]>) -> Result<KeyAndIv> {
    let mut parameters = kdf.inside(der::SEQUENCE)?;
    kdf.end()?;
    let salt = parameters.value(der::OCTET_STRING)?;
    let iterations = parameters.u32()?;
    if parameters.peek() == Some(der::INTEGER) && parameters.u32().ok() != u32::try_from(cipher.key_len()).ok() {
        return Err(KeyError::Broken.into());
    }
    let mut prf = HMAC_SHA1;
    if parameters.peek().is_some() {
        let mut named = parameters.inside(der::SEQUENCE)?;
        prf = named.value(der::OID)?;
        named.optional(der::NULL)?;
        named.end()?;
    }
    parameters.end()?;
    if iterations == 0 || iterations > MAX_ITERATIONS {
        return Err(KeyError::Kdf.into());
    }
    if ![HMAC_SHA1, HMAC_SHA256, HMAC_SHA512].contains(&prf) {
        return Err(KeyError::Kdf.into());
    }
    let passphrase = passphrase.ok_or(KeyError::PassphraseNeeded)?;
    let mut key_and_iv = Zeroizing::new([0; 32 + IV]);
    let (key, rest) = key_and_iv.split_at_mut_checked(cipher.key_len()).ok_or(KeyError::Cipher)?;
    match prf {
        HMAC_SHA1 => derive::<Hmac<sha1::Sha1>>(passphrase, salt, iterations, key),
        HMAC_SHA256 => derive::<Hmac<sha2::Sha256>>(passphrase, salt, iterations, key),
        _ => derive::<Hmac<sha2::Sha512>>(passphrase, salt, iterations, key),
    }
    .ok_or(KeyError::Kdf)?;
    rest.get_mut(..IV).ok_or(KeyError::Cipher)?.copy_from_slice(iv);
    Ok(key_and_iv)
}

fn derive<P: KeyInit + hmac::digest::Update + hmac::digest::FixedOutput + Clone>(
    passphrase: &[u8],
    salt: &[u8],
    iterations: u32,
    out: &mut [u8],
) -> Option<()> {
    pbkdf2::pbkdf2::<P>(passphrase, salt, iterations, out).ok()
}

/// "Proc-Type: 4,ENCRYPTED" and "DEK-Info: AES-256-CBC,<iv>": decrypted in place with a key made by MD5, as
/// openssl has always done. That is weak, but it is how old files are.
fn open_traditional<'f>(headers: &[u8], file: &'f mut [u8], passphrase: Option<&[u8]>) -> Result<&'f [u8]> {
    let value = |name: &[u8]| {
        let mut lines = headers.split(|c| *c == b'\n').map(<[u8]>::trim_ascii);
        lines.find_map(|line| line.strip_prefix(name).map(<[u8]>::trim_ascii))
    };
    let info = value(b"DEK-Info:").filter(|_| value(b"Proc-Type:") == Some(b"4,ENCRYPTED")).ok_or(KeyError::Broken)?;
    let comma = info.iter().position(|c| *c == b',').ok_or(KeyError::Broken)?;
    let (name, iv) = info.split_at_checked(comma).ok_or(KeyError::Broken)?;
    let cipher = match name {
        b"AES-128-CBC" => Cipher::Aes128Cbc,
        b"AES-192-CBC" => Cipher::Aes192Cbc,
        b"AES-256-CBC" => Cipher::Aes256Cbc,
        _ => return Err(KeyError::Cipher.into()),
    };
    let iv = unhex(iv.get(1..).unwrap_or_default()).ok_or(KeyError::Broken)?;
    let passphrase = passphrase.ok_or(KeyError::PassphraseNeeded)?;
    let mut key_and_iv = Zeroizing::new([0; 32 + IV]);
    let (key, rest) = key_and_iv.split_at_mut_checked(cipher.key_len()).ok_or(KeyError::Cipher)?;
    let mut digest = Zeroizing::new([0; 16]);
    for (index, chunk) in key.chunks_mut(16).enumerate() {
        let mut hash = Md5::new();
        if index > 0 {
            hash.update(*digest);
        }
        hash.update(passphrase);
        // The first half of the IV is the salt.
        hash.update(iv.get(..8).unwrap_or_default());
        *digest = hash.finalize().into();
        chunk.copy_from_slice(digest.get(..chunk.len()).unwrap_or_default());
    }
    rest.get_mut(..IV).ok_or(KeyError::Cipher)?.copy_from_slice(&iv);
    unseal(cipher, &key_and_iv, file)
}

/// 16 bytes from 32 hexadecimal digits.
fn unhex(text: &[u8]) -> Option<[u8; IV]> {
    let mut iv = [0; IV];
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != IV || !rest.is_empty() {
        return None;
    }
    for (to, [high, low]) in iv.iter_mut().zip(pairs) {
        let digit = |c: &u8| char::from(*c).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *to = digit(high)? << 4 | digit(low)?;
    }
    Some(iv)
}

/// Decrypt and take the padding off (RFC 8018 section 6.1.1, step 4). What does not look like a SEQUENCE that
/// fills all of it was opened with a wrong passphrase; nothing else tells.
fn unseal<'f>(cipher: Cipher, key_and_iv: &KeyAndIv, sealed: &'f mut [u8]) -> Result<&'f [u8]> {
    if sealed.is_empty() || !sealed.len().is_multiple_of(aes::Aes128::block_size()) {
        return Err(KeyError::Broken.into());
    }
    cipher.decrypt(key_and_iv.get(..cipher.key_len() + IV).ok_or(KeyError::Cipher)?, sealed)?;
    let pad = sealed.last().map_or(0, |pad| usize::from(*pad));
    let len = sealed.len().checked_sub(pad).filter(|_| (1..=16).contains(&pad)).ok_or(KeyError::PassphraseWrong)?;
    let (plain, padding) = sealed.split_at_checked(len).ok_or(KeyError::PassphraseWrong)?;
    let mut file = Der::new(plain);
    let is_key = file.value(der::SEQUENCE).and_then(|_| file.end()).is_ok();
    if is_key && padding.iter().all(|byte| usize::from(*byte) == pad) {
        Ok(plain)
    } else {
        Err(KeyError::PassphraseWrong.into())
    }
}

#[cfg(test)]
#[path = "pem_tests.rs"]
mod tests;
