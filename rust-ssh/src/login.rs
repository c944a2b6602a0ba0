//! Logging in, as far as a session is concerned; see [`crate::client`] for how its operations are called.

use core::task::Poll;

use crate::auth::client::{self as auth, Method, Outcome};
use crate::auth::prompts::Prompts;
use crate::auth::request::{self, Offer, Proof};
use crate::error::{PeerError, Result, Usage};
use crate::keys::blob::MAX_BLOB;
use crate::session::{Core, Session};
use crate::wire::{Reader, Writer};

impl Session<'_> {
    /// Log in as `user`. Pending until the server has answered.
    pub fn login(&mut self, user: &[u8], method: &Method<'_>) -> Result<Poll<Outcome>> {
        self.core.alive()?;
        if let Some(outcome) = self.core.auth.take_outcome() {
            return self.outcome(outcome, method);
        }
        let core = &mut self.core;
        if core.auth.is_done() {
            return Err(Usage::Misuse.into());
        }
        if !core.may_send() {
            return Ok(Poll::Pending);
        }
        core.request_service()?;
        if core.auth.is_ready() {
            // A request that can never be sent: a question that it was to answer is not kept for it.
            core.request_login(user, method).inspect_err(|_| core.auth.abandon())?;
        }
        Ok(Poll::Pending)
    }

    /// Ready when a login can be asked for now (true), or is under way (false). For callers to whom it is
    /// expensive to lay one out.
    ///
    /// # Errors
    /// [`Usage::Misuse`] when logged in.
    pub fn login_ready(&mut self) -> Result<Poll<bool>> {
        self.core.alive()?;
        let core = &mut self.core;
        if core.auth.is_under_way() {
            return Ok(Poll::Ready(false));
        }
        if core.auth.is_done() {
            return Err(Usage::Misuse.into());
        }
        if core.may_send() {
            core.request_service()?;
        }
        Ok(if core.auth.is_ready() { Poll::Ready(true) } else { Poll::Pending })
    }

    /// A PK_OK must name the key that was asked about: a signature made for another one would be wasted, and
    /// the answer is not the one to our question (RFC 4252 section 7).
    fn outcome(&mut self, outcome: Outcome, method: &Method<'_>) -> Result<Poll<Outcome>> {
        if let (Outcome::Asked, Method::Query(blob)) = (outcome, method) {
            let offer = Offer::of(blob, self.core.auth.sig_algs())?;
            let mut reader = Reader::new(self.question());
            let same = reader.string()? == offer.algorithm.as_bytes() && reader.string()? == offer.blob;
            if !same {
                return Err(self.fail(PeerError::Unexpected.into()));
            }
        }
        Ok(Poll::Ready(outcome))
    }

    /// What the server asks back after [`Outcome::Asked`]: the fields of its message, until the next request
    /// or answer; empty otherwise.
    pub fn question(&self) -> &[u8] {
        if self.core.auth.is_asked() { self.inbox.last().get(1..).unwrap_or_default() } else { &[] }
    }

    /// Its prompts, if it has any.
    pub fn prompts(&self) -> Option<Prompts<'_>> {
        if self.core.auth.is_prompted() { Prompts::read(self.question()).ok() } else { None }
    }

    /// The algorithm that a login with the key `blob` would sign with.
    ///
    /// # Errors
    /// [`crate::error::KeyError::Format`] for what is no key.
    pub fn algorithm<'k>(&self, blob: &'k [u8]) -> Result<&'k str> {
        Offer::of(blob, self.core.auth.sig_algs()).map(|offer| offer.algorithm)
    }

    /// What the signature of such a login covers, into `out`: its length.
    ///
    /// # Errors
    /// [`Usage::TooLong`] when `out` is too small, [`crate::error::KeyError::Format`] for what is no key.
    pub fn to_sign(&self, user: &[u8], blob: &[u8], out: &mut [u8]) -> Result<usize> {
        let id = self.core.kex.session_id().ok_or(Usage::Misuse)?;
        request::lay_out(out, id, user, &Offer::of(blob, self.core.auth.sig_algs())?)
    }

    /// Answer the prompts: `answers` are as many strings (RFC 4251 section 5). Pending until the server has
    /// judged them, or has more questions.
    ///
    /// # Errors
    /// [`Usage::Misuse`] when nothing was asked, or another number of answers is expected.
    pub fn answer(&mut self, answers: &[u8]) -> Result<Poll<Outcome>> {
        self.core.alive()?;
        if let Some(outcome) = self.core.auth.take_outcome() {
            return Ok(Poll::Ready(outcome));
        }
        if self.core.auth.is_prompted() {
            let prompts = self.prompts().filter(|prompts| prompts.fits(answers)).ok_or(Usage::Misuse)?;
            let (count, core) = (prompts.count, &mut self.core);
            let sent = core.outbox.packet(&mut core.rng, |w| auth::write_answers(w, count, answers));
            // Answers that can never be sent: the question is not kept for them.
            if sent.inspect_err(|_| core.auth.abandon())? {
                core.auth.answers_sent();
            }
        } else if self.core.auth.is_ready() || self.core.auth.is_done() {
            return Err(Usage::Misuse.into());
        }
        Ok(Poll::Pending)
    }

    /// The caller of [`Session::login`] or [`Session::answer`] gives up: a late answer is not taken for the
    /// next one's.
    pub fn abandon_login(&mut self) {
        self.core.auth.abandon();
    }
}

impl Core<'_> {
    /// Queue a login request if there is room.
    fn request_login(&mut self, user: &[u8], method: &Method<'_>) -> Result<()> {
        // What is signed is laid out where the packet will be.
        let lays_out = matches!(method, Method::PublicKey(_) | Method::Signed(..));
        if lays_out && !self.outbox.pending().is_empty() {
            return Ok(());
        }
        let id = self.kex.session_id().ok_or(Usage::Misuse)?;
        let (mut blob, own);
        let proof = match method {
            Method::PublicKey(key) => {
                blob = [0; MAX_BLOB];
                let (offer, alg) = request::own_offer(key, self.auth.sig_algs(), &mut blob)?;
                own = request::sign(self.outbox.scratch(), id, user, key.key, alg, &offer)?;
                Some(Proof { offer, signature: Some(own.as_ref()) })
            }
            Method::Query(blob) => Some(Proof { offer: Offer::of(blob, self.auth.sig_algs())?, signature: None }),
            Method::Signed(blob, signature) => {
                let offer = Offer::of(blob, self.auth.sig_algs())?;
                let scratch = self.outbox.scratch();
                let len = request::lay_out(scratch, id, user, &offer)?;
                offer.check(scratch.get(..len).unwrap_or_default(), signature)?;
                Some(Proof { offer, signature: Some(signature) })
            }
            _ => None,
        };
        let write = |w: &mut Writer<'_>| request::write_request(w, user, method, proof.as_ref());
        if self.outbox.packet(&mut self.rng, write)? {
            self.auth.request_sent(method);
        }
        Ok(())
    }
}
