//! Limits and choices of one session.

use crate::crypto::{chachapoly, kex, protection};
use crate::error::{Result, Usage};
use crate::keys::blob;

/// Most algorithms of one kind that a session offers.
pub const MAX_NAMES: usize = 16;
/// Bytes kept of texts from the peer: banner, reasons, lists of methods.
pub const TEXT_LEN: usize = 512;

/// What kind of algorithm a name-list is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Key exchange methods.
    Kex = 0,
    /// Host key (signature) algorithms.
    HostKey = 1,
    /// Ciphers, both directions.
    Cipher = 2,
    /// MACs, both directions.
    Mac = 3,
}

/// Rows of one kind's table, in order of preference.
#[derive(Debug, Clone, Default)]
pub struct Preference {
    rows: heapless::Vec<u8, MAX_NAMES>,
}

impl Preference {
    /// All rows but those that are offered only when named, in the table's order.
    pub fn all(kind: Kind) -> Self {
        let mut all = Self::default();
        for (index, _) in rows(kind).filter(|(_, row)| !row.only_named) {
            // More than MAX_NAMES would be cut; tests assert that there are not.
            let _ = all.rows.push(index);
        }
        all
    }

    /// From comma-separated names.
    ///
    /// # Errors
    /// [`Usage::UnknownAlgorithm`] for a name that this build does not have, or an empty list.
    pub fn parse(kind: Kind, names: &str) -> Result<Self> {
        let mut chosen = Self::default();
        for wanted in names.split(',') {
            let (row, _) = rows(kind).find(|(_, row)| row.name == wanted).ok_or(Usage::UnknownAlgorithm)?;
            if !chosen.rows.contains(&row) && chosen.rows.push(row).is_err() {
                return Err(Usage::UnknownAlgorithm.into());
            }
        }
        Ok(chosen)
    }

    /// Host key algorithms with those for certificates of the same keys before all others.
    #[must_use]
    pub fn with_certs(self) -> Self {
        let mut all = Self::default();
        let chosen = |alg: &&blob::KeyAlg| self.names(Kind::HostKey).any(|name| name == alg.name);
        for alg in blob::KEY_ALGS.iter().filter(chosen) {
            for (row, cert) in rows(Kind::HostKey) {
                let is_its = blob::find(cert.name).is_some_and(|cert| cert.is_cert() && cert.signature == alg.name);
                if is_its && !all.rows.contains(&row) {
                    // More than MAX_NAMES would be cut; tests assert that there are not.
                    let _ = all.rows.push(row);
                }
            }
        }
        for row in self.rows {
            let _ = if all.rows.contains(&row) { Ok(()) } else { all.rows.push(row) };
        }
        all
    }

    /// The names, in order of preference.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &'static str> + '_ {
        self.rows.iter().filter_map(move |row| name(kind, *row))
    }
}

/// What all tables tell of a row.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    only_named: bool,
}

macro_rules! row {
    ($table:expr, $at:expr) => {
        $table.get($at).map(|alg| Row { name: alg.name, only_named: alg.only_named })
    };
}

fn row(kind: Kind, at: u8) -> Option<Row> {
    let at = usize::from(at);
    match kind {
        Kind::Kex => row!(kex::KEX_ALGS, at),
        Kind::HostKey => row!(blob::KEY_ALGS, at),
        Kind::Cipher => row!(protection::CIPHERS, at),
        Kind::Mac => row!(protection::MACS, at),
    }
}

/// All rows of a kind's table with their numbers.
fn rows(kind: Kind) -> impl Iterator<Item = (u8, Row)> {
    (0..=u8::MAX).map_while(move |at| row(kind, at).map(|row| (at, row)))
}

/// Name of a row of a kind's table.
pub fn name(kind: Kind, at: u8) -> Option<&'static str> {
    row(kind, at).map(|row| row.name)
}

/// What a session offers and when it acts on its own.
#[derive(Debug, Clone)]
pub struct Config {
    /// Key exchange methods offered.
    pub kex: Preference,
    /// Host key algorithms offered.
    pub host_keys: Preference,
    /// Ciphers offered, both directions.
    pub ciphers: Preference,
    /// MACs offered, both directions.
    pub macs: Preference,
    /// Largest channel data packet we ask for, in bytes. Clamped to what the receive buffer can hold.
    pub max_packet: u32,
    /// New keys after this many bytes in one direction; 0: never by bytes.
    pub rekey_bytes: u64,
    /// New keys after this many packets in one direction. RFC 4344 section 3.1 allows 2^31 at most.
    pub rekey_packets: u32,
    /// New keys after this many milliseconds; 0: never by time.
    pub rekey_ms: u32,
    /// A rekey that takes longer ends the session, in milliseconds; 0: never.
    pub kex_timeout_ms: u32,
    /// ChaCha20's inner loop, where the caller has a faster one than this build.
    pub chacha20: Option<chachapoly::Blocks>,
}

/// RFC 4344 section 3.1: never more packets with one key.
pub const MAX_REKEY_PACKETS: u32 = 1 << 31;

impl Default for Config {
    fn default() -> Self {
        Self {
            kex: Preference::all(Kind::Kex),
            host_keys: Preference::all(Kind::HostKey),
            ciphers: Preference::all(Kind::Cipher),
            macs: Preference::all(Kind::Mac),
            max_packet: 32768,
            rekey_bytes: 1 << 30,
            rekey_packets: MAX_REKEY_PACKETS,
            rekey_ms: 3_600_000,
            kex_timeout_ms: 30_000,
            chacha20: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit_and_names_are_known() {
        for kind in [Kind::Kex, Kind::HostKey, Kind::Cipher, Kind::Mac] {
            let all = Preference::all(kind);
            let (named, known): (Vec<_>, Vec<_>) = rows(kind).partition(|(_, row)| row.only_named);
            assert!(all.names(kind).eq(known.iter().map(|(_, row)| row.name)));
            for (at, row) in known.iter().chain(&named) {
                assert_eq!(Preference::parse(kind, row.name).unwrap().rows, [*at]);
            }
            assert!(Preference::parse(kind, "rot13").is_err());
            assert!(Preference::parse(kind, "").is_err());
        }
    }
}
