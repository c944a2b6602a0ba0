//! Login requests: what is sent, and what is signed.

use super::client::{Method, Offer};
use crate::error::{Result, Usage};
use crate::keys::blob::{MAX_BLOB, MAX_SIGNATURE};
use crate::keys::openssh::PrivateKey;
use crate::msg::UserauthRequest;
use crate::names;
use crate::wire::Writer;

/// Write a USERAUTH_REQUEST; `signature` for [`Method::PublicKey`].
pub fn write_request(w: &mut Writer<'_>, user: &[u8], method: &Method<'_>, signature: &[u8]) {
    let request = |name| UserauthRequest::new(user, names::SERVICE_CONNECTION, name, &[]);
    match method {
        Method::None => request(names::METHOD_NONE).write(w),
        Method::Password(password) => {
            request(names::METHOD_PASSWORD).write(w);
            w.bool(false).string(password);
        }
        Method::NewPassword(old, new) => {
            request(names::METHOD_PASSWORD).write(w);
            w.bool(true).string(old).string(new);
        }
        Method::PublicKey(key) => {
            let mut blob = [0; MAX_BLOB];
            write_key(w, user, &own_offer(key, &mut blob), true);
            w.string(signature);
        }
        Method::Query(offer) => write_key(w, user, offer, false),
        Method::Signed(offer, signature) => {
            write_key(w, user, offer, true);
            w.string(signature);
        }
        Method::Keyboard(submethods) => {
            request(names::METHOD_KEYBOARD).write(w);
            // The language is left to the server (RFC 4256 section 3.1).
            w.string(b"").string(submethods);
        }
    }
}

fn own_offer<'k>(key: &PrivateKey, blob: &'k mut [u8; MAX_BLOB]) -> Offer<'k> {
    let len = key.public_blob(blob);
    Offer { algorithm: key.algorithm(), blob: blob.get(..len).unwrap_or_default() }
}

/// A publickey request (RFC 4252 section 7), but for the signature that follows if `signed`.
fn write_key(w: &mut Writer<'_>, user: &[u8], offer: &Offer<'_>, signed: bool) {
    UserauthRequest::new(user, names::SERVICE_CONNECTION, names::METHOD_PUBLICKEY, &[]).write(w);
    w.bool(signed).string(offer.algorithm.as_bytes()).string(offer.blob);
}

/// What the signature of a publickey request covers: the session id and the request (RFC 4252 section 7).
///
/// # Errors
/// [`Usage::TooLong`] when `out` is too small; its length otherwise.
pub fn lay_out(out: &mut [u8], session_id: &[u8], user: &[u8], offer: &Offer<'_>) -> Result<usize> {
    let mut w = Writer::new(out);
    w.string(session_id);
    write_key(&mut w, user, offer, true);
    w.finish().ok_or(Usage::TooLong.into())
}

/// Sign a publickey request, which is laid out in `scratch`.
pub fn sign(scratch: &mut [u8], session_id: &[u8], user: &[u8], key: &PrivateKey) -> Result<Signature> {
    let mut blob = [0; MAX_BLOB];
    let len = lay_out(scratch, session_id, user, &own_offer(key, &mut blob))?;
    let mut signature = Signature { bytes: [0; MAX_SIGNATURE], len: 0 };
    signature.len = key.sign(scratch.get(..len).unwrap_or_default(), &mut signature.bytes);
    if signature.len == 0 { Err(Usage::Misuse.into()) } else { Ok(signature) }
}

/// An SSH signature blob.
pub struct Signature {
    bytes: [u8; MAX_SIGNATURE],
    len: usize,
}

impl AsRef<[u8]> for Signature {
    fn as_ref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}
