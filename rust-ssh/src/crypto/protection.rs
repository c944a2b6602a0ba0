//! Protection of one direction of the packet stream (RFC 4253 section 6), and the tables of ciphers
//! and MACs. It sees packets as bytes: length, body, tag.

#[cfg(feature = "legacy")]
use super::aescbc::{Aes128Cbc, Aes256Cbc};
use super::aesctr::{Aes128Ctr, Aes192Ctr, Aes256Ctr};
use super::chachapoly::{Blocks, ChachaPoly};
#[cfg(feature = "gcm")]
use super::gcm::{Aes128Gcm, Aes256Gcm};
use super::mac::{HmacSha1, HmacSha256, HmacSha512};
use crate::error::{PeerError, Result, Usage};

/// Length of the packet_length field, in bytes.
pub const LENGTH: usize = 4;
/// Length of the longest tag, in bytes.
pub const MAX_TAG: usize = 64;
/// Length of the longest cipher key, in bytes.
pub const MAX_KEY: usize = 64;
/// Length of the longest initial vector, in bytes.
pub const MAX_IV: usize = 16;
/// Length of the longest MAC key, in bytes.
pub const MAX_MAC_KEY: usize = 64;
/// The largest block that any cipher has, in bytes.
pub const MAX_BLOCK: usize = 16;

/// The smallest granularity of padding (RFC 4253 section 6).
const MIN_BLOCK: usize = 8;

/// A cipher that authenticates packets itself.
pub(super) trait Aead: Sized {
    /// `None` when a length is wrong.
    fn new(key: &[u8], iv: &[u8]) -> Option<Self>;
    /// Take a faster inner loop, if it is this cipher's.
    fn use_blocks(&mut self, _blocks: Blocks) {}
    /// The packet length that the first bytes of a packet hold.
    fn length(&self, seq: u32, head: [u8; LENGTH]) -> u32;
    /// Verify, then decrypt everything between length and tag. False when the tag is wrong.
    fn open(&mut self, seq: u32, packet: &mut [u8]) -> bool;
    /// Encrypt and write the tag. False when the packet has no room for it.
    fn seal(&mut self, seq: u32, packet: &mut [u8]) -> bool;
}

/// A cipher that only hides, and runs on from packet to packet.
pub(crate) trait Stream: Sized {
    /// `None` when a length is wrong.
    fn new(key: &[u8], iv: &[u8]) -> Option<Self>;
    /// Encrypt whole blocks in place.
    fn encrypt(&mut self, data: &mut [u8]);
    /// Decrypt whole blocks in place.
    fn decrypt(&mut self, data: &mut [u8]);
}

/// A MAC over the sequence number and data.
pub(super) trait PacketMac: Sized {
    /// `None` when the key's length is wrong.
    fn new(key: &[u8]) -> Option<Self>;
    /// Write the tag.
    fn sign(&self, seq: u32, data: &[u8], tag: &mut [u8]);
    /// Compare the tag in constant time.
    fn verify(&self, seq: u32, data: &[u8], tag: &[u8]) -> bool;
}

/// A cipher of [`CIPHERS`].
#[derive(Debug, PartialEq, Eq)]
pub struct CipherAlg {
    /// Its name in KEXINIT.
    pub name: &'static str,
    /// Length of its key, in bytes.
    pub key_len: usize,
    /// Length of its initial vector, in bytes.
    pub iv_len: usize,
    /// Its block, to which packets are padded, in bytes.
    pub block: usize,
    /// True when it authenticates too: then no MAC is used, whatever was negotiated.
    pub aead: bool,
    /// Length of its own tag, in bytes: 0 unless `aead`.
    pub tag_len: usize,
    /// Too weak to be offered unless it is asked for by name.
    pub only_named: bool,
    id: CipherId,
}

/// A MAC of [`MACS`].
#[derive(Debug, PartialEq, Eq)]
pub struct MacAlg {
    /// Its name in KEXINIT.
    pub name: &'static str,
    /// Length of its key, in bytes.
    pub key_len: usize,
    /// Length of its tag, in bytes.
    pub tag_len: usize,
    /// True when it covers the encrypted packet, with its length in the clear.
    pub etm: bool,
    /// Too weak to be offered unless it is asked for by name.
    pub only_named: bool,
    id: MacId,
}

macro_rules! ciphers {
    (
        aead { $(
            $(#[$a_attr:meta])*
            $a:ident = $a_name:literal, key $a_key:literal, iv $a_iv:literal, block $a_block:literal, tag $a_tag:literal;
        )* }
        stream { $(
            $(#[$s_attr:meta])*
            $s:ident = $s_name:literal, key $s_key:literal, iv $s_iv:literal, block $s_block:literal
            $(, $s_only_named:ident)?;
        )* }
    ) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum CipherId { $($(#[$a_attr])* $a,)* $($(#[$s_attr])* $s,)* }

        /// All ciphers of this build, in the default order of preference.
        pub static CIPHERS: &[CipherAlg] = &[
            $($(#[$a_attr])* CipherAlg {
                name: $a_name, key_len: $a_key, iv_len: $a_iv, block: $a_block, aead: true, tag_len: $a_tag,
                only_named: false, id: CipherId::$a,
            },)*
            $($(#[$s_attr])* CipherAlg {
                name: $s_name, key_len: $s_key, iv_len: $s_iv, block: $s_block, aead: false, tag_len: 0,
                only_named: super::only_named!($($s_only_named)?), id: CipherId::$s,
            },)*
        ];

        #[allow(clippy::large_enum_variant, reason = "without a heap there is no other place for keys")]
        enum AnyAead { $($(#[$a_attr])* $a($a),)* }

        impl AnyAead {
            fn new(id: CipherId, key: &[u8], iv: &[u8]) -> Option<Self> {
                match id {
                    $($(#[$a_attr])* CipherId::$a => <$a as Aead>::new(key, iv).map(Self::$a),)*
                    _ => None,
                }
            }

            fn use_blocks(&mut self, blocks: Blocks) {
                match self { $($(#[$a_attr])* Self::$a(cipher) => cipher.use_blocks(blocks),)* }
            }

            fn length(&self, seq: u32, head: [u8; LENGTH]) -> u32 {
                match self { $($(#[$a_attr])* Self::$a(cipher) => cipher.length(seq, head),)* }
            }

            fn open(&mut self, seq: u32, packet: &mut [u8]) -> bool {
                match self { $($(#[$a_attr])* Self::$a(cipher) => cipher.open(seq, packet),)* }
            }

            fn seal(&mut self, seq: u32, packet: &mut [u8]) -> bool {
                match self { $($(#[$a_attr])* Self::$a(cipher) => cipher.seal(seq, packet),)* }
            }
        }

        #[allow(clippy::enum_variant_names, reason = "the rows name the variants")]
        enum AnyStream { $($(#[$s_attr])* $s($s),)* }

        impl AnyStream {
            fn new(id: CipherId, key: &[u8], iv: &[u8]) -> Option<Self> {
                match id {
                    $($(#[$s_attr])* CipherId::$s => <$s as Stream>::new(key, iv).map(Self::$s),)*
                    _ => None,
                }
            }

            fn encrypt(&mut self, data: &mut [u8]) {
                match self { $($(#[$s_attr])* Self::$s(cipher) => Stream::encrypt(cipher, data),)* }
            }

            fn decrypt(&mut self, data: &mut [u8]) {
                match self { $($(#[$s_attr])* Self::$s(cipher) => Stream::decrypt(cipher, data),)* }
            }
        }
    };
}

macro_rules! macs {
    (
        engines { $($m:ident = key $key:literal, tag $tag:literal;)* }
        names { $($name:literal = $of:ident, etm $etm:literal $(, $only_named:ident)?;)* }
    ) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum MacId { $($m,)* }

        impl MacId {
            const fn key_len(self) -> usize { match self { $(Self::$m => $key,)* } }
            const fn tag_len(self) -> usize { match self { $(Self::$m => $tag,)* } }
        }

        /// All MACs of this build, in the default order of preference.
        pub static MACS: &[MacAlg] = &[
            $(MacAlg {
                name: $name, key_len: MacId::$of.key_len(), tag_len: MacId::$of.tag_len(), etm: $etm,
                only_named: super::only_named!($($only_named)?), id: MacId::$of,
            },)*
        ];

        enum AnyMac { $($m($m),)* }

        impl AnyMac {
            fn new(id: MacId, key: &[u8]) -> Option<Self> {
                match id { $(MacId::$m => <$m as PacketMac>::new(key).map(Self::$m),)* }
            }

            fn sign(&self, seq: u32, data: &[u8], tag: &mut [u8]) {
                match self { $(Self::$m(mac) => PacketMac::sign(mac, seq, data, tag),)* }
            }

            fn verify(&self, seq: u32, data: &[u8], tag: &[u8]) -> bool {
                match self { $(Self::$m(mac) => PacketMac::verify(mac, seq, data, tag),)* }
            }
        }
    };
}

// OpenSSH PROTOCOL.chacha20poly1305; RFC 5647 and OpenSSH PROTOCOL section 1.6; RFC 4344 section 4; RFC 4253
// section 6.3.
ciphers! {
    aead {
        // OpenSSH's order, except where processors multiply polynomials and encrypt AES blocks themselves: there
        // AES-GCM takes two thirds of the time (benches/protection.rs). Whether the processor does is known at
        // run time only on other machines, and without that help it is slow.
        #[cfg(not(all(feature = "gcm", target_arch = "x86_64")))]
        ChachaPoly = "chacha20-poly1305@openssh.com", key 64, iv 0, block 8, tag 16;
        #[cfg(feature = "gcm")]
        Aes128Gcm = "aes128-gcm@openssh.com", key 16, iv 12, block 16, tag 16;
        #[cfg(feature = "gcm")]
        Aes256Gcm = "aes256-gcm@openssh.com", key 32, iv 12, block 16, tag 16;
        #[cfg(all(feature = "gcm", target_arch = "x86_64"))]
        ChachaPoly = "chacha20-poly1305@openssh.com", key 64, iv 0, block 8, tag 16;
    }
    stream {
        Aes128Ctr = "aes128-ctr", key 16, iv 16, block 16;
        Aes192Ctr = "aes192-ctr", key 24, iv 16, block 16;
        Aes256Ctr = "aes256-ctr", key 32, iv 16, block 16;
        #[cfg(feature = "legacy")]
        Aes128Cbc = "aes128-cbc", key 16, iv 16, block 16, only_named;
        #[cfg(feature = "legacy")]
        Aes256Cbc = "aes256-cbc", key 32, iv 16, block 16, only_named;
    }
}

// RFC 6668, RFC 4253 section 6.4; OpenSSH PROTOCOL section 1.5 for the -etm forms.
macs! {
    engines {
        HmacSha256 = key 32, tag 32;
        HmacSha512 = key 64, tag 64;
        HmacSha1 = key 20, tag 20;
    }
    names {
        "hmac-sha2-256-etm@openssh.com" = HmacSha256, etm true;
        "hmac-sha2-512-etm@openssh.com" = HmacSha512, etm true;
        "hmac-sha2-256" = HmacSha256, etm false;
        "hmac-sha2-512" = HmacSha512, etm false;
        "hmac-sha1" = HmacSha1, etm false;
    }
}

/// The cipher of this name.
pub fn find_cipher(name: &str) -> Option<&'static CipherAlg> {
    CIPHERS.iter().find(|alg| alg.name == name)
}

/// The MAC of this name.
pub fn find_mac(name: &str) -> Option<&'static MacAlg> {
    MACS.iter().find(|alg| alg.name == name)
}

/// The protection of one direction, with its keys. Wiped when dropped.
pub struct Protection(State);

#[allow(clippy::large_enum_variant, reason = "without a heap there is no other place for keys")]
enum State {
    Plain,
    Aead { cipher: AnyAead, alg: &'static CipherAlg },
    Mac { cipher: AnyStream, mac: AnyMac, block: usize, alg: &'static MacAlg },
}

impl Protection {
    /// No protection: before the first NEWKEYS.
    pub const fn plain() -> Self {
        Self(State::Plain)
    }

    /// Start with fresh keys, of the lengths that the tables say. An AEAD cipher ignores the MAC.
    ///
    /// # Errors
    /// [`Usage::Config`] when a key or the IV is too short or too long, or a cipher without
    /// authentication comes without a MAC (ATTACKS 17).
    pub fn new(
        cipher: &'static CipherAlg,
        mac: Option<&'static MacAlg>,
        key: &[u8],
        iv: &[u8],
        mac_key: &[u8],
    ) -> Result<Self> {
        if key.len() != cipher.key_len || iv.len() != cipher.iv_len {
            return Err(Usage::Config.into());
        }
        let state = if cipher.aead {
            AnyAead::new(cipher.id, key, iv).map(|engine| State::Aead { cipher: engine, alg: cipher })
        } else {
            let alg = mac.filter(|alg| alg.key_len == mac_key.len()).ok_or(Usage::Config)?;
            let engines = AnyStream::new(cipher.id, key, iv).zip(AnyMac::new(alg.id, mac_key));
            engines.map(|(engine, mac)| State::Mac { cipher: engine, mac, block: cipher.block, alg })
        };
        Ok(Self(state.ok_or(Usage::Config)?))
    }

    /// The same, with ChaCha20's inner loop by other means, if there are any. No other cipher minds.
    #[must_use]
    pub fn with_blocks(mut self, blocks: Option<Blocks>) -> Self {
        if let (State::Aead { cipher, .. }, Some(blocks)) = (&mut self.0, blocks) {
            cipher.use_blocks(blocks);
        }
        self
    }

    /// Bytes of a packet that must be there before its length can be known: 4, or a whole block where
    /// the length is encrypted with the rest.
    pub fn head_len(&self) -> usize {
        match &self.0 {
            State::Mac { alg, block, .. } if !alg.etm => *block,
            _ => LENGTH,
        }
    }

    /// Granularity of padding, in bytes; at least 8 (RFC 4253 section 6).
    pub fn block(&self) -> usize {
        match &self.0 {
            State::Plain => MIN_BLOCK,
            State::Aead { alg, .. } => alg.block.max(MIN_BLOCK),
            State::Mac { block, .. } => (*block).max(MIN_BLOCK),
        }
    }

    /// True when the four bytes of length count toward the granularity.
    pub fn length_is_padded(&self) -> bool {
        match &self.0 {
            State::Plain => true,
            State::Aead { .. } => false,
            State::Mac { alg, .. } => !alg.etm,
        }
    }

    /// Length of the MAC or tag after each packet, in bytes.
    pub fn tag_len(&self) -> usize {
        match &self.0 {
            State::Plain => 0,
            State::Aead { alg, .. } => alg.tag_len,
            State::Mac { alg, .. } => alg.tag_len,
        }
    }

    /// The packet_length of the packet that starts with the [`Self::head_len`] bytes of `head`.
    /// To be called exactly once for each packet: the first block may be decrypted in place.
    /// A length that is not authenticated yet: the caller checks its range before it waits for more.
    /// 0, which is no legal length, when `head` has the wrong size.
    pub fn open_head(&mut self, seq: u32, head: &mut [u8]) -> u32 {
        if head.len() != self.head_len() {
            return 0;
        }
        if let State::Mac { cipher, alg, .. } = &mut self.0
            && !alg.etm
        {
            cipher.decrypt(head);
        }
        let Some(length) = head.first_chunk::<LENGTH>() else { return 0 };
        match &self.0 {
            State::Aead { cipher, .. } => cipher.length(seq, *length),
            _ => u32::from_be_bytes(*length),
        }
    }

    /// Verify and decrypt the body of `packet`: 4 + packet_length bytes and the tag, after
    /// [`Self::open_head`]. Where the method allows it nothing is decrypted before it is verified.
    ///
    /// # Errors
    /// [`PeerError::Mac`] when the packet was damaged or forged, or is too short for its tag.
    pub fn open(&mut self, seq: u32, packet: &mut [u8]) -> Result<()> {
        let genuine = match &mut self.0 {
            State::Plain => true,
            State::Aead { cipher, .. } => cipher.open(seq, packet),
            State::Mac { cipher, mac, block, alg } => {
                let Some((data, tag)) = split_tag(packet, alg.tag_len) else {
                    return Err(PeerError::Mac.into());
                };
                if alg.etm {
                    let genuine = mac.verify(seq, data, tag);
                    if genuine && let Some((_, body)) = data.split_first_chunk_mut::<LENGTH>() {
                        cipher.decrypt(body);
                    }
                    genuine
                } else {
                    // open_head has decrypted the first block.
                    if let Some(rest) = data.get_mut(*block..) {
                        cipher.decrypt(rest);
                    }
                    mac.verify(seq, data, tag)
                }
            }
        };
        if genuine { Ok(()) } else { Err(PeerError::Mac.into()) }
    }

    /// Encrypt `packet`, four bytes of length, body, and room of [`Self::tag_len`] bytes, in place and
    /// write the tag. A packet too short for that is wiped, so that nothing leaves unprotected.
    pub fn seal(&mut self, seq: u32, packet: &mut [u8]) {
        let sealed = match &mut self.0 {
            State::Plain => true,
            State::Aead { cipher, .. } => cipher.seal(seq, packet),
            State::Mac { cipher, mac, alg, .. } => match split_tag(packet, alg.tag_len) {
                Some((data, tag)) if alg.etm => match data.split_first_chunk_mut::<LENGTH>() {
                    Some((_, body)) => {
                        cipher.encrypt(body);
                        mac.sign(seq, data, tag);
                        true
                    }
                    None => false,
                },
                Some((data, tag)) => {
                    mac.sign(seq, data, tag);
                    cipher.encrypt(data);
                    true
                }
                None => false,
            },
        };
        if !sealed {
            packet.fill(0);
        }
    }
}

/// The packet without its tag, and the tag.
fn split_tag(packet: &mut [u8], tag_len: usize) -> Option<(&mut [u8], &mut [u8])> {
    let end = packet.len().checked_sub(tag_len)?;
    packet.split_at_mut_checked(end)
}

#[cfg(test)]
#[path = "protection_tests.rs"]
mod tests;
