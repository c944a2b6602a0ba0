//! The lines around the base64 of a private key file, and what other files are.

use super::blob;
use crate::error::KeyError;

/// What a private key file says it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Label {
    /// OpenSSH's own format (OpenSSH PROTOCOL.key).
    OpenSsh,
    /// PKCS#8 (RFC 5958).
    Pkcs8,
    /// PKCS#8, encrypted.
    EncryptedPkcs8,
    /// PKCS#1 (RFC 8017 appendix A.1.2).
    Rsa,
    /// SEC 1 (RFC 5915).
    Ec,
}

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// What openssl puts before an EC key: it says nothing that the key does not.
const PARAMETERS: &[u8] = b"EC PARAMETERS";

/// A private key file and the text between its first and last line: base64, and in the oldest format headers
/// before it.
pub(super) struct Armour<'a> {
    pub(super) label: Label,
    pub(super) body: &'a [u8],
}

/// Find out what `text` is.
pub(super) fn read(text: &[u8]) -> Result<Armour<'_>, KeyError> {
    let mut text = text.trim_ascii();
    if let Some((PARAMETERS, _, rest)) = block(text) {
        text = rest.trim_ascii();
    }
    let Some(label) = first_line_label(text).and_then(find) else { return Err(kind_of(text)) };
    if label != Label::OpenSsh && !cfg!(feature = "pem") {
        return Err(KeyError::NeedsPem);
    }
    match block(text) {
        // Only white space may follow; it was trimmed.
        Some((_, body, [])) => Ok(Armour { label, body }),
        _ => Err(KeyError::Broken),
    }
}

fn find(label: &[u8]) -> Option<Label> {
    Some(match label {
        b"OPENSSH PRIVATE KEY" => Label::OpenSsh,
        b"PRIVATE KEY" => Label::Pkcs8,
        b"ENCRYPTED PRIVATE KEY" => Label::EncryptedPkcs8,
        b"RSA PRIVATE KEY" => Label::Rsa,
        b"EC PRIVATE KEY" => Label::Ec,
        _ => return None,
    })
}

/// The label of the line that starts a block.
fn first_line_label(text: &[u8]) -> Option<&[u8]> {
    first_line(text).strip_prefix(BEGIN)?.strip_suffix(DASHES)
}

fn first_line(text: &[u8]) -> &[u8] {
    text.split(|c| *c == b'\n').next().unwrap_or_default().trim_ascii()
}

/// A block of PEM (RFC 7468): its label, what is between its lines, what follows.
fn block(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let label = first_line_label(text)?;
    let rest = text.get(first_line(text).len()..)?;
    let at = rest.windows(END.len()).position(|window| window == END)?;
    let (body, end) = rest.split_at_checked(at)?;
    let after = end.strip_prefix(END)?.strip_prefix(label)?.strip_prefix(DASHES)?;
    Some((label, body, after))
}

/// The right error for a file that is no private key of these kinds.
fn kind_of(text: &[u8]) -> KeyError {
    let first_line = first_line(text);
    let is_pem = first_line.starts_with(BEGIN);
    if first_line.starts_with(b"PuTTY-User-Key-File-") || (is_pem && first_line.ends_with(b"PRIVATE KEY-----")) {
        return KeyError::Type;
    }
    let is_public = (is_pem && first_line.ends_with(b"PUBLIC KEY-----"))
        || first_line.starts_with(b"---- BEGIN SSH2 PUBLIC KEY")
        || blob::is_key_type(first_line)
        || blob::key_type(text).is_some_and(|name| blob::is_key_type(name.as_bytes()));
    if is_public { KeyError::IsPublic } else { KeyError::Format }
}
