//! Login requests: what is sent, and what is signed.

use super::client::Method;
use crate::error::{AgentError, Error, KeyError, PeerError, Result, Usage};
use crate::keys::blob::{self, KeyAlg, MAX_BLOB, MAX_SIGNATURE};
use crate::keys::private::{PrivateKey, UserKey};
use crate::msg::UserauthRequest;
use crate::names;
use crate::wire::{Reader, Writer};

/// What certificates have behind the name of the type of their key.
const CERT: &str = "-cert-v01@openssh.com";

/// A key that is offered: the algorithm that it would sign with, and its blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer<'k> {
    /// As in the request, where RSA keys and certificates have other names than in their blob.
    pub algorithm: &'k str,
    /// The public key or certificate.
    pub blob: &'k [u8],
}

impl<'k> Offer<'k> {
    /// An offer of a key of any type, known here or not: who has its private half signs.
    ///
    /// # Errors
    /// [`KeyError::Format`] for what is no key.
    pub fn of(blob: &'k [u8], server_sig_algs: &str) -> Result<Self> {
        let key_type = blob::key_type(blob).ok_or(KeyError::Format)?;
        // The server names what it takes (RFC 8308 section 3.1). If it does not, SHA-256 is what every server
        // with more than SHA-1 has (RFC 8332 section 3).
        let long = server_sig_algs.split(',').any(|name| name == "rsa-sha2-512");
        let algorithm = match (key_type, long) {
            ("ssh-rsa", true) => "rsa-sha2-512",
            ("ssh-rsa", false) => "rsa-sha2-256",
            ("ssh-rsa-cert-v01@openssh.com", true) => "rsa-sha2-512-cert-v01@openssh.com",
            ("ssh-rsa-cert-v01@openssh.com", false) => "rsa-sha2-256-cert-v01@openssh.com",
            (other, _) => other,
        };
        Ok(Self { algorithm, blob })
    }

    /// See that `signature` has the shape of one by this key over `data`, and that it is one, as far as this
    /// build knows the algorithm.
    ///
    /// # Errors
    /// [`AgentError::Signature`].
    pub fn check(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        if !self.has_shape(signature) {
            return Err(AgentError::Signature.into());
        }
        match blob::verify(self.algorithm, self.blob, data, signature) {
            Err(Error::Peer(PeerError::Signature)) => Err(AgentError::Signature.into()),
            // Right, or of a type that this build does not know.
            _ => Ok(()),
        }
    }

    fn has_shape(&self, signature: &[u8]) -> bool {
        let mut reader = Reader::new(signature);
        let named = reader.string().is_ok_and(|name| self.signs_as(name));
        let filled = reader.string().is_ok_and(|raw| !raw.is_empty());
        // Keys on a token sign flags and a counter too, which follow (OpenSSH PROTOCOL.u2f).
        let rest = if self.algorithm.starts_with("sk-") { 5 } else { 0 };
        named && filled && reader.rest().len() == rest
    }

    /// True when a signature of this key has this name in it: for a certificate that of the key in it.
    fn signs_as(&self, name: &[u8]) -> bool {
        let Some(plain) = self.algorithm.strip_suffix(CERT) else { return name == self.algorithm.as_bytes() };
        // The plain types of keys on a token end with @openssh.com themselves.
        let domain: &[u8] = if plain.starts_with("sk-") { b"@openssh.com" } else { b"" };
        name.strip_prefix(plain.as_bytes()) == Some(domain)
    }
}

/// What a publickey request says besides the user: a key and its signature, or only the question whether it
/// would do.
pub struct Proof<'p> {
    /// The key.
    pub offer: Offer<'p>,
    /// Its signature.
    pub signature: Option<&'p [u8]>,
}

/// Write a USERAUTH_REQUEST; `proof` for the methods that have a key.
pub fn write_request(w: &mut Writer<'_>, user: &[u8], method: &Method<'_>, proof: Option<&Proof<'_>>) {
    let request = |name| UserauthRequest::new(user, names::SERVICE_CONNECTION, name, &[]);
    match (method, proof) {
        (_, Some(proof)) => {
            write_key(w, user, &proof.offer, proof.signature.is_some());
            proof.signature.map(|signature| w.string(signature));
        }
        (Method::Password(password), _) => {
            request(names::METHOD_PASSWORD).write(w);
            w.bool(false).string(password);
        }
        (Method::NewPassword(old, new), _) => {
            request(names::METHOD_PASSWORD).write(w);
            w.bool(true).string(old).string(new);
        }
        (Method::Keyboard(submethods), _) => {
            request(names::METHOD_KEYBOARD).write(w);
            // The language is left to the server (RFC 4256 section 3.1).
            w.string(b"").string(submethods);
        }
        (Method::None | Method::PublicKey(_) | Method::Query(_) | Method::Signed(..), None) => {
            request(names::METHOD_NONE).write(w);
        }
    }
}

/// The offer of a key that is at hand, of its certificate if it has one, and the algorithm; `public` is the memory
/// for its public half.
///
/// # Errors
/// [`Usage::Misuse`] for a certificate that is none of this key.
pub fn own_offer<'k>(
    key: &UserKey<'k>,
    server_sig_algs: &str,
    public: &'k mut [u8; MAX_BLOB],
) -> Result<(Offer<'k>, &'static KeyAlg)> {
    let alg = key.algorithm(server_sig_algs).ok_or(Usage::Misuse)?;
    let blob = if key.cert.is_empty() {
        let len = key.key.public_blob(public);
        public.get(..len).unwrap_or_default()
    } else {
        key.cert
    };
    Ok((Offer { algorithm: alg.name, blob }, alg))
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
pub fn sign(
    scratch: &mut [u8],
    session_id: &[u8],
    user: &[u8],
    key: &PrivateKey,
    alg: &KeyAlg,
    offer: &Offer<'_>,
) -> Result<Signature> {
    let len = lay_out(scratch, session_id, user, offer)?;
    let mut signature = Signature { bytes: [0; MAX_SIGNATURE], len: 0 };
    signature.len = key.sign(alg, scratch.get(..len).unwrap_or_default(), &mut signature.bytes);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::ed25519;

    fn strings(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![0; 400];
        let mut w = Writer::new(&mut out);
        for part in parts {
            w.string(part);
        }
        let len = w.finish().unwrap();
        out.truncate(len);
        out
    }

    #[test]
    fn algorithms_follow_the_server() {
        let algorithm = |key_type: &str, listed| {
            let blob = strings(&[key_type.as_bytes(), b"x"]);
            Offer::of(&blob, listed).map(|offer| offer.algorithm.to_owned()).unwrap()
        };
        assert_eq!(algorithm("ssh-rsa", ""), "rsa-sha2-256");
        assert_eq!(algorithm("ssh-rsa", "ssh-ed25519,rsa-sha2-256,rsa-sha2-512"), "rsa-sha2-512");
        assert_eq!(algorithm("ssh-rsa", "rsa-sha2-5120"), "rsa-sha2-256");
        assert_eq!(algorithm("ssh-rsa-cert-v01@openssh.com", "rsa-sha2-512"), "rsa-sha2-512-cert-v01@openssh.com");
        assert_eq!(algorithm("sk-ssh-ed25519@openssh.com", ""), "sk-ssh-ed25519@openssh.com");
        for bad in [&b""[..], b"\0\0\0\0", b"\xff\xff\xff\xff", b"ssh-ed25519"] {
            assert_eq!(Offer::of(bad, ""), Err(KeyError::Format.into()));
        }
    }

    #[test]
    fn shapes_of_signatures() {
        let wrong = Err(AgentError::Signature.into());
        let check = |key_type: &str, signature: &[u8]| {
            let blob = strings(&[key_type.as_bytes(), b"x"]);
            Offer::of(&blob, "").unwrap().check(b"data", signature)
        };
        let token = [&strings(&[b"sk-ssh-ed25519@openssh.com", b"s"])[..], &[1, 0, 0, 0, 9]].concat();
        assert_eq!(check("ssh-rsa", &strings(&[b"rsa-sha2-256", b"s"])), Ok(()));
        assert_eq!(check("ssh-rsa-cert-v01@openssh.com", &strings(&[b"rsa-sha2-256", b"s"])), Ok(()));
        assert_eq!(check("sk-ssh-ed25519@openssh.com", &token), Ok(()));
        assert_eq!(check("sk-ssh-ed25519-cert-v01@openssh.com", &token), Ok(()));
        for bad in [
            &strings(&[b"ssh-rsa", b"s"])[..],
            &strings(&[b"rsa-sha2-512", b"s"]),
            &strings(&[b"rsa-sha2-256", b""]),
            &strings(&[b"rsa-sha2-256", b"s", b""]),
            &strings(&[b"rsa-sha2-256"]),
            b"",
            b"\xff\xff\xff\xff",
        ] {
            assert_eq!(check("ssh-rsa", bad), wrong);
        }
        assert_eq!(check("sk-ssh-ed25519@openssh.com", &token[..token.len() - 1]), wrong);
    }

    // ATTACKS 39: an agent that signs with another key, or signs something else.
    #[test]
    fn signatures_are_checked_where_the_algorithm_is_known() {
        let (key, other) = (ed25519::SigningKey::from_seed(&[1; 32]), ed25519::SigningKey::from_seed(&[2; 32]));
        let blob = strings(&[b"ssh-ed25519", &key.public()]);
        let offer = Offer::of(&blob, "").unwrap();
        let signature = |key: &ed25519::SigningKey, data| strings(&[b"ssh-ed25519", &key.sign(data)]);
        assert_eq!(offer.check(b"data", &signature(&key, b"data")), Ok(()));
        assert_eq!(offer.check(b"data", &signature(&other, b"data")), Err(AgentError::Signature.into()));
        assert_eq!(offer.check(b"data", &signature(&key, b"date")), Err(AgentError::Signature.into()));
    }
}
