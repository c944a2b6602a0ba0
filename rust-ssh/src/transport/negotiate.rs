//! KEXINIT: what we offer and what both sides agree on (RFC 4253 section 7.1).

use crate::config::{Config, Kind, Preference};
use crate::crypto::kex::{KEX_ALGS, KexAlg};
use crate::crypto::protection::{CIPHERS, CipherAlg, MACS, MacAlg};
use crate::error::{Incompatible, PeerError};
use crate::keys::blob::{KEY_ALGS, KeyAlg};
use crate::msg::KexInit;
use crate::names;

/// The cipher of one direction and its MAC, unless the cipher brings its own tag.
#[derive(Clone, Copy)]
pub struct Suite {
    /// The cipher.
    pub cipher: &'static CipherAlg,
    /// The MAC.
    pub mac: Option<&'static MacAlg>,
}

/// The outcome of a negotiation.
#[derive(Clone, Copy)]
pub struct Negotiated {
    /// The key exchange method.
    pub kex: &'static KexAlg,
    /// The host key algorithm.
    pub host_key: &'static KeyAlg,
    /// Our direction out.
    pub output: Suite,
    /// Our direction in.
    pub input: Suite,
    /// The peer announced strict key exchange in its first KEXINIT.
    pub strict: bool,
    /// The peer's next packet is a guess that turned out wrong: it must be ignored.
    pub ignore_next: bool,
}

/// Give our KEXINIT to `put`, piece by piece: it is sent, and later hashed, without being kept. `first`: the
/// first of the connection, which announces extensions.
pub fn kexinit(config: &Config, cookie: &[u8; 16], first: bool, put: &mut dyn FnMut(&[u8])) {
    put(&[KexInit::NUMBER]);
    put(cookie);
    let extensions: &[&str] = if first { EXTENSIONS } else { &[] };
    put_list(put, || config.kex.names(Kind::Kex).chain(extensions.iter().copied()));
    put_list(put, || config.host_keys.names(Kind::HostKey));
    for (kind, preference) in [(Kind::Cipher, &config.ciphers), (Kind::Mac, &config.macs)] {
        put_list(put, || preference.names(kind));
        put_list(put, || preference.names(kind));
    }
    put(TAIL);
}

/// What the first KEXINIT announces among the methods.
const EXTENSIONS: &[&str] = &[names::EXT_INFO_C, names::STRICT_C];
/// Compression in both directions, languages in both, no guess, a reserved number.
const TAIL: &[u8] = b"\0\0\0\x04none\0\0\0\x04none\0\0\0\0\0\0\0\0\0\0\0\0\0";

fn put_list<I: Iterator<Item = &'static str>>(put: &mut dyn FnMut(&[u8]), names: impl Fn() -> I) {
    let mut len = 0_u32;
    each_part(names(), &mut |part| len = len.saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX)));
    put(&len.to_be_bytes());
    each_part(names(), put);
}

fn each_part(names: impl Iterator<Item = &'static str>, put: &mut dyn FnMut(&[u8])) {
    for (index, name) in names.enumerate() {
        if index > 0 {
            put(b",");
        }
        put(name.as_bytes());
    }
}

/// Length of a table's names with a comma after each.
macro_rules! names_len {
    ($table:expr) => {{
        let (mut len, mut rest): (usize, &[_]) = (0, $table);
        while let [row, more @ ..] = rest {
            len += row.name.len() + 1;
            rest = more;
        }
        len
    }};
}

/// The longest KEXINIT that [`kexinit`] makes, in bytes.
pub const MAX_KEXINIT: usize = 1
    + 16
    + 6 * 4
    + names_len!(KEX_ALGS)
    + names::EXT_INFO_C.len()
    + 1
    + names::STRICT_C.len()
    + names_len!(KEY_ALGS)
    + 2 * (names_len!(CIPHERS) + names_len!(MACS))
    + TAIL.len();

/// Why there is no agreement: the kind, and the peer's list (for the person who reads the error).
pub type Disagreement<'a> = (crate::error::Error, &'a str);

/// What a client with `config` and the server that sent `server` agree on. `first`: as in
/// [`kexinit`]; a later KEXINIT says nothing about strictness.
pub fn negotiate<'a>(config: &Config, server: &KexInit<'a>, first: bool) -> Result<Negotiated, Disagreement<'a>> {
    let kex = pick(KEX_ALGS, Kind::Kex, &config.kex, server.kex, Incompatible::Kex)?;
    let host_key = pick(KEY_ALGS, Kind::HostKey, &config.host_keys, server.host_keys, Incompatible::HostKey)?;
    let output = suite(config, server.ciphers_c2s, server.macs_c2s, Incompatible::CipherOut, Incompatible::MacOut)?;
    let input = suite(config, server.ciphers_s2c, server.macs_s2c, Incompatible::CipherIn, Incompatible::MacIn)?;
    for list in [server.compression_c2s, server.compression_s2c] {
        if !has(list, "none") {
            return Err((Incompatible::Compression.into(), list));
        }
    }
    // The guess is right if both sides put the same method and the same host key algorithm first.
    let guessed_right = config.kex.names(Kind::Kex).next() == server.kex.split(',').next()
        && config.host_keys.names(Kind::HostKey).next() == server.host_keys.split(',').next();
    let strict = first && has(server.kex, names::STRICT_S);
    Ok(Negotiated {
        kex,
        host_key,
        output,
        input,
        strict,
        ignore_next: server.first_kex_packet_follows && !guessed_right,
    })
}

fn suite<'a>(
    config: &Config,
    ciphers: &'a str,
    macs: &'a str,
    no_cipher: Incompatible,
    no_mac: Incompatible,
) -> Result<Suite, Disagreement<'a>> {
    let cipher = pick(CIPHERS, Kind::Cipher, &config.ciphers, ciphers, no_cipher)?;
    // With an AEAD cipher the MAC lists do not count (OpenSSH PROTOCOL section 1.6).
    let mac = if cipher.aead { None } else { Some(pick(MACS, Kind::Mac, &config.macs, macs, no_mac)?) };
    Ok(Suite { cipher, mac })
}

/// The client's first choice that the server has too, as a row of `table`.
fn pick<'a, T: Named>(
    table: &'static [T],
    kind: Kind,
    ours: &Preference,
    theirs: &'a str,
    error: Incompatible,
) -> Result<&'static T, Disagreement<'a>> {
    let name = ours.names(kind).find(|name| has(theirs, name));
    let row = name.and_then(|name| table.iter().find(|row| row.name() == name));
    row.ok_or((error.into(), theirs))
}

fn has(list: &str, name: &str) -> bool {
    list.split(',').any(|entry| entry == name)
}

/// A row of one of the tables.
trait Named {
    fn name(&self) -> &'static str;
}

macro_rules! named {
    ($($row:ty),*) => {
        $(impl Named for $row {
            fn name(&self) -> &'static str {
                self.name
            }
        })*
    };
}
named!(KexAlg, KeyAlg, CipherAlg, MacAlg);

/// The error for messages that must not come during a key exchange.
pub const fn stray(strict: bool) -> PeerError {
    if strict { PeerError::StrictKex } else { PeerError::Unexpected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    fn server<'a>(kex: &'a str, ciphers: &'a str, macs: &'a str, follows: bool) -> KexInit<'a> {
        KexInit::new(
            &[0; 16],
            kex,
            "ssh-ed25519",
            ciphers,
            ciphers,
            macs,
            macs,
            "none,zlib@openssh.com",
            "none",
            "",
            "",
            follows,
            0,
        )
    }

    #[test]
    fn the_clients_order_counts() {
        let config =
            Config { ciphers: Preference::parse(Kind::Cipher, "aes256-ctr,aes128-ctr").unwrap(), ..Config::default() };
        let offer =
            server("x,curve25519-sha256,kex-strict-s-v00@openssh.com", "aes128-ctr,aes256-ctr", "hmac-sha2-256", false);
        let agreed = negotiate(&config, &offer, true).unwrap();
        assert_eq!(agreed.output.cipher.name, "aes256-ctr");
        assert!(agreed.strict && !negotiate(&config, &offer, false).unwrap().strict);
    }

    #[test]
    fn aead_needs_no_mac_in_common_and_others_do() {
        let config = Config::default();
        let offer = server("curve25519-sha256", "chacha20-poly1305@openssh.com", "none", false);
        assert!(negotiate(&config, &offer, true).unwrap().output.mac.is_none());
        let offer = server("curve25519-sha256", "aes128-ctr", "none", false);
        let error = negotiate(&config, &offer, true).map(|_| ()).unwrap_err();
        assert_eq!(error, (Error::Incompatible(Incompatible::MacOut), "none"));
    }

    #[test]
    fn only_a_wrong_guess_is_ignored() {
        let config = Config::default();
        let first = config.kex.names(Kind::Kex).next().unwrap();
        for (kex, ignore) in [(first, false), (&format!("x,{first}"), true)] {
            let offer = server(kex, "aes128-ctr", "hmac-sha1", true);
            assert_eq!(negotiate(&config, &offer, true).unwrap().ignore_next, ignore);
        }
    }
}
