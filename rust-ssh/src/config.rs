//! Limits and choices of one session.

use crate::crypto::{kex, protection};
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
    /// All rows, in the table's order.
    pub fn all(kind: Kind) -> Self {
        let mut all = Self::default();
        for row in (0..=u8::MAX).take_while(|row| name(kind, *row).is_some()) {
            // A table of more than MAX_NAMES rows is cut; tests assert that none is.
            let _ = all.rows.push(row);
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
            let row = Self::all(kind).rows.iter().copied().find(|row| name(kind, *row) == Some(wanted));
            let row = row.ok_or(Usage::UnknownAlgorithm)?;
            if !chosen.rows.contains(&row) && chosen.rows.push(row).is_err() {
                return Err(Usage::UnknownAlgorithm.into());
            }
        }
        Ok(chosen)
    }

    /// The names, in order of preference.
    pub fn names(&self, kind: Kind) -> impl Iterator<Item = &'static str> + '_ {
        self.rows.iter().filter_map(move |row| name(kind, *row))
    }
}

/// Name of a row of a kind's table.
pub fn name(kind: Kind, row: u8) -> Option<&'static str> {
    let row = usize::from(row);
    match kind {
        Kind::Kex => kex::KEX_ALGS.get(row).map(|alg| alg.name),
        Kind::HostKey => blob::KEY_ALGS.get(row).map(|alg| alg.name),
        Kind::Cipher => protection::CIPHERS.get(row).map(|alg| alg.name),
        Kind::Mac => protection::MACS.get(row).map(|alg| alg.name),
    }
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
            assert!(name(kind, all.rows.len() as u8).is_none());
            for known in all.names(kind) {
                assert!(Preference::parse(kind, known).is_ok());
            }
            assert!(Preference::parse(kind, "rot13").is_err());
            assert!(Preference::parse(kind, "").is_err());
        }
    }
}
