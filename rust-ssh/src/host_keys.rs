//! Other host keys of the server (OpenSSH PROTOCOL section 2.5): it names them after the login, and proves on
//! demand that it owns them. The program gets only those that were proved.

use core::task::Poll;

use crate::channel::Global;
use crate::error::{PeerError, Result, Usage};
use crate::keys::blob;
use crate::names;
use crate::session::Session;
use crate::wire::{Reader, Writer};

/// What is signed: the name of the request, the session's id, the key.
const SIGNED: usize = 4 + names::HOSTKEYS_PROVE.len() + 4 + 64 + 4 + blob::MAX_BLOB;

impl Session<'_> {
    /// Ask the server to prove that it owns the keys that it named. Ready with the number of keys then proved;
    /// see [`Session::proved_host_key`].
    ///
    /// # Errors
    /// [`PeerError::Signature`] when a proof is wrong: nothing of it counts, the session goes on.
    pub fn prove_host_keys(&mut self) -> Result<Poll<usize>> {
        if cfg!(not(feature = "forward")) {
            return Err(Usage::LeftOut.into());
        }
        let mut offered = self.core.channels.offered_keys().clone();
        if offered.is_empty() {
            return Ok(Poll::Ready(0));
        }
        let request = Global::Ask { name: names::HOSTKEYS_PROVE, data: &offered };
        let Poll::Ready(_) = self.global(&request)? else { return Ok(Poll::Pending) };
        let id = self.core.kex.session_id().ok_or(PeerError::Unexpected)?;
        let count = check(id, &offered, self.core.channels.global_reply())?;
        core::mem::swap(&mut self.core.proved_keys, &mut offered);
        Ok(Poll::Ready(count))
    }

    /// The key with this index, of those that the server has proved to own.
    pub fn proved_host_key(&self, index: usize) -> Option<&[u8]> {
        strings(&self.core.proved_keys).nth(index)
    }
}

fn strings(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut reader = Reader::new(list);
    core::iter::from_fn(move || reader.string().ok())
}

/// A signature for each key, in order, and nothing else; how many.
fn check(session_id: &[u8], keys: &[u8], proofs: &[u8]) -> Result<usize> {
    let mut proofs = Reader::new(proofs);
    let mut count = 0;
    for key in strings(keys) {
        let signature = proofs.string()?;
        let mut signed = [0; SIGNED];
        let mut w = Writer::new(&mut signed);
        w.string(names::HOSTKEYS_PROVE).string(session_id).string(key);
        let name = Reader::new(signature).string()?;
        let name = core::str::from_utf8(name).map_err(|_| PeerError::Signature)?;
        // The algorithm has to be one for keys of this type.
        let of_key = blob::find(name).filter(|alg| Some(alg.key_type) == blob::key_type(key));
        let alg = of_key.ok_or(PeerError::Signature)?;
        w.finish().ok_or(PeerError::Message)?;
        blob::verify(alg.name, key, w.written(), signature).map_err(|_| PeerError::Signature)?;
        count += 1;
    }
    proofs.end()?;
    Ok(count)
}
