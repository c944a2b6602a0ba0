//! Key exchange and rekey (RFC 4253 sections 7 to 9, RFC 4419, RFC 5656 section 4, RFC 8731; strict key
//! exchange after OpenSSH PROTOCOL section 1.10), from the client's side.

use crate::config::Config;
use crate::crypto::hash::{Digest, Hash};
use crate::crypto::kex::{self, ClientKex, SharedSecret};
use crate::crypto::protection::Protection;
use crate::crypto::rng::Rng;
use crate::error::{PeerError, Result, Usage};
use crate::keys::blob;
use crate::msg::{KexDhGexInit, KexDhGexReply, KexDhGexRequest, KexEcdhInit, KexEcdhReply, KexInit, NewKeys};
use crate::names;
use crate::transport::negotiate::{Negotiated, Suite, kexinit, negotiate, stray};
use crate::transport::packet::Outbox;
use crate::wire::Writer;

/// The longest host key blob that is kept.
pub const MAX_HOST_KEY: usize = blob::MAX_HOST_BLOB;
/// The longest key, IV or MAC key.
const MAX_KEY: usize = 64;

/// Where a key exchange stands.
#[allow(clippy::large_enum_variant)] // there is no heap to put the large ones on
enum State {
    /// None under way.
    Idle,
    /// Our KEXINIT is out.
    Sent { cookie: [u8; 16] },
    /// The peer's is here and our public value, or our wish for a group, is out.
    Started { agreed: Negotiated, method: ClientKex, transcript: Hash, ignore_next: bool },
    /// The peer has proved that it owns its host key; the caller decides (first exchange only).
    Proved { agreed: Negotiated, secret: SharedSecret, hash: Digest },
    /// Our NEWKEYS is out, with these keys for what comes in after the peer's.
    Switching { input: Protection },
}

/// What a handled message leads to.
#[allow(clippy::large_enum_variant)] // the keys move on at once
pub enum Action {
    /// Nothing more.
    None,
    /// The host key awaits the caller's decision.
    Decide,
    /// The peer's NEWKEYS: take these keys into use.
    Keys(Protection),
}

/// What an exchange needs from the session.
pub struct Context<'c, 'a> {
    /// Where messages go.
    pub outbox: &'c mut Outbox<'a>,
    /// Random bytes.
    pub rng: &'c mut Rng,
    /// What we offer.
    pub config: &'c Config,
    /// The peer's identification string.
    pub peer_ident: &'c [u8],
}

/// Key exchange state of a session.
pub struct Kex {
    state: State,
    session_id: Option<Digest>,
    host_key: heapless::Vec<u8, MAX_HOST_KEY>,
    agreed: Option<Negotiated>,
    strict: bool,
    /// Completed exchanges.
    completed: u32,
}

impl Default for Kex {
    fn default() -> Self {
        let host_key = heapless::Vec::new();
        Self { state: State::Idle, session_id: None, host_key, agreed: None, strict: false, completed: 0 }
    }
}

impl Kex {
    /// True from our KEXINIT until our NEWKEYS: nothing else may be sent (RFC 4253 section 7.1).
    pub const fn holds_output(&self) -> bool {
        !matches!(self.state, State::Idle | State::Switching { .. }) || self.session_id.is_none()
    }

    /// True while no exchange is under way.
    pub const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// True from the peer's KEXINIT until its NEWKEYS: it may send nothing but the exchange.
    pub const fn peer_is_in_kex(&self) -> bool {
        !matches!(self.state, State::Idle | State::Sent { .. })
    }

    /// True when keys are on in both directions.
    pub const fn is_secure(&self) -> bool {
        self.completed > 0
    }

    /// True while the caller must decide about the host key.
    pub const fn awaits_decision(&self) -> bool {
        matches!(self.state, State::Proved { .. })
    }

    /// True when the next packet is the peer's wrong guess: it does not count, whatever it is.
    pub const fn ignores_next(&self) -> bool {
        matches!(self.state, State::Started { ignore_next: true, .. })
    }

    /// Strict rules apply to the messages of this (first) exchange.
    pub const fn is_strict_now(&self) -> bool {
        self.strict && self.completed == 0
    }

    /// Sequence numbers start again at each NEWKEYS.
    pub const fn resets_sequence(&self) -> bool {
        self.strict
    }

    /// Completed exchanges.
    pub const fn completed(&self) -> u32 {
        self.completed
    }

    /// The host key, empty before the peer proved that it owns it.
    pub fn host_key(&self) -> &[u8] {
        &self.host_key
    }

    /// The exchange hash of the first exchange.
    pub fn session_id(&self) -> Option<&[u8]> {
        self.session_id.as_ref().map(AsRef::as_ref)
    }

    /// The algorithms of the last negotiation.
    pub const fn agreed(&self) -> Option<&Negotiated> {
        self.agreed.as_ref()
    }

    /// Forget all secrets; what was public stays known.
    pub fn drop_secrets(&mut self) {
        self.state = State::Idle;
        self.session_id = None;
    }

    /// Start an exchange: send our KEXINIT. The outbox must have room for it.
    pub fn start(&mut self, cx: &mut Context<'_, '_>) -> Result<()> {
        let cookie: [u8; 16] = cx.rng.array();
        let first = self.session_id.is_none();
        send(cx, |w, config| {
            kexinit(config, &cookie, first, &mut |part| {
                w.bytes(part);
            });
        })?;
        self.state = State::Sent { cookie };
        Ok(())
    }

    /// Take one message with the number 20 to 49. `sequence`: of its packet. On a
    /// disagreement, the peer's list is given to `detail`.
    pub fn handle(
        &mut self,
        cx: &mut Context<'_, '_>,
        payload: &[u8],
        sequence: u32,
        detail: &mut dyn FnMut(&[u8]),
    ) -> Result<Action> {
        let (number, body) = payload.split_first().ok_or(PeerError::Message)?;
        match (core::mem::replace(&mut self.state, State::Idle), *number) {
            (State::Idle, KexInit::NUMBER) if self.is_secure() => {
                self.start(cx)?;
                self.handle(cx, payload, sequence, detail)
            }
            (State::Sent { cookie }, KexInit::NUMBER) => self.kexinit(cx, &cookie, payload, sequence, detail),
            // The peer guessed wrong: this one packet does not count, whatever it is.
            (State::Started { agreed, method, transcript, ignore_next: true }, n) if n != KexInit::NUMBER => {
                self.state = State::Started { agreed, method, transcript, ignore_next: false };
                Ok(Action::None)
            }
            (State::Started { agreed, mut method, transcript, ignore_next }, KEX_DH_GEX_GROUP)
                if method.awaits_group() =>
            {
                let public = method.take_group(body, cx.rng)?;
                send(cx, |w, _| KexDhGexInit::new(&public).write(w))?;
                self.state = State::Started { agreed, method, transcript, ignore_next };
                Ok(Action::None)
            }
            (State::Started { agreed, method, transcript, .. }, n) if reply_number(&method) == Some(n) => {
                // Both replies have the same fields.
                let reply = KexEcdhReply::read(body)?;
                let (secret, hash) = complete(method, transcript, &reply)?;
                self.reply(cx, agreed, secret, hash, &reply)
            }
            (State::Switching { input }, NewKeys::NUMBER) => {
                NewKeys::read(body)?;
                self.completed = self.completed.saturating_add(1);
                Ok(Action::Keys(input))
            }
            _ => Err(stray(self.is_strict_now()).into()),
        }
    }

    /// The caller accepts the host key: send NEWKEYS and go on.
    pub fn accept(&mut self, cx: &mut Context<'_, '_>) -> Result<()> {
        match core::mem::replace(&mut self.state, State::Idle) {
            State::Proved { agreed, secret, hash } => self.switch(cx, &agreed, &secret, &hash),
            other => {
                self.state = other;
                Err(Usage::Misuse.into())
            }
        }
    }

    /// The peer's KEXINIT: agree, and send our public value.
    fn kexinit(
        &mut self,
        cx: &mut Context<'_, '_>,
        cookie: &[u8; 16],
        payload: &[u8],
        sequence: u32,
        detail: &mut dyn FnMut(&[u8]),
    ) -> Result<Action> {
        let first = self.session_id.is_none();
        let offer = KexInit::read(payload.get(1..).unwrap_or_default())?;
        let agreed = negotiate(cx.config, &offer, first).map_err(|(error, list)| {
            detail(list.as_bytes());
            error
        })?;
        if first {
            self.strict = agreed.strict;
        }
        // Strict: KEXINIT must be the peer's first packet, or something was slipped in before it.
        if first && agreed.strict && sequence != 0 {
            return Err(PeerError::StrictKex.into());
        }
        let transcript = transcript(cx, &agreed, cookie, payload, first);
        let (method, public) = ClientKex::start(agreed.kex, cx.rng)?;
        match kex::GROUP_BITS {
            [min, preferred, max] if agreed.kex.group => {
                send(cx, |w, _| KexDhGexRequest::new(min, preferred, max).write(w))?;
            }
            _ => send(cx, |w, _| KexEcdhInit::new(&public).write(w))?,
        }
        self.agreed = Some(agreed);
        let ignore_next = agreed.ignore_next;
        self.state = State::Started { agreed, method, transcript, ignore_next };
        Ok(Action::None)
    }

    /// The peer's reply: check its signature over the exchange hash (RFC 5656 section 4).
    fn reply(
        &mut self,
        cx: &mut Context<'_, '_>,
        agreed: Negotiated,
        secret: SharedSecret,
        hash: Digest,
        reply: &KexEcdhReply<'_>,
    ) -> Result<Action> {
        blob::verify(agreed.host_key.name, reply.host_key, hash.as_ref(), reply.signature)?;
        if self.session_id.is_none() {
            self.host_key = heapless::Vec::from_slice(reply.host_key).map_err(|_| PeerError::HostKeyFormat)?;
            self.state = State::Proved { agreed, secret, hash };
            return Ok(Action::Decide);
        }
        // The host that proved itself at the start must be the one that goes on.
        if self.host_key != reply.host_key {
            return Err(PeerError::HostKeyChanged.into());
        }
        self.switch(cx, &agreed, &secret, &hash)?;
        Ok(Action::None)
    }

    /// Send NEWKEYS, put on our new keys, and have the peer's ready.
    fn switch(
        &mut self,
        cx: &mut Context<'_, '_>,
        agreed: &Negotiated,
        secret: &SharedSecret,
        hash: &Digest,
    ) -> Result<()> {
        let id = self.session_id.get_or_insert_with(|| hash.clone());
        let chacha20 = cx.config.chacha20;
        let keys = |suite: &Suite, letters: [u8; 3]| {
            protection(agreed, suite, letters, secret, hash, id).map(|keys| keys.with_blocks(chacha20))
        };
        let output = keys(&agreed.output, *b"ACE")?;
        let input = keys(&agreed.input, *b"BDF")?;
        send(cx, |w, _| NewKeys::new().write(w))?;
        cx.outbox.set_keys(output, self.strict);
        self.state = State::Switching { input };
        Ok(())
    }
}

/// The exchange hash up to I_S: V_C, V_S, I_C, I_S.
fn transcript(cx: &Context<'_, '_>, agreed: &Negotiated, cookie: &[u8; 16], payload: &[u8], first: bool) -> Hash {
    let mut hash = Hash::new(agreed.kex.hash);
    hash_string(&mut hash, names::IDENT.as_bytes());
    hash_string(&mut hash, cx.peer_ident);
    // Our KEXINIT is not kept: it is made again from the same configuration and cookie.
    let mut len = 0_u32;
    kexinit(cx.config, cookie, first, &mut |part| {
        len = len.saturating_add(u32::try_from(part.len()).unwrap_or(u32::MAX));
    });
    hash.update(&len.to_be_bytes());
    kexinit(cx.config, cookie, first, &mut |part| hash.update(part));
    hash_string(&mut hash, payload);
    hash
}

/// RFC 4419 section 5: the number that other methods use for their reply.
const KEX_DH_GEX_GROUP: u8 = 31;

/// The number of the message that ends the method's part; `None` before there is a group.
fn reply_number(method: &ClientKex) -> Option<u8> {
    match (method.alg().group, method.awaits_group()) {
        (false, _) => Some(KexEcdhReply::NUMBER),
        (true, false) => Some(KexDhGexReply::NUMBER),
        (true, true) => None,
    }
}

/// K and the exchange hash, given the server's reply (RFC 4253 section 8, RFC 4419 section 3).
fn complete(method: ClientKex, mut transcript: Hash, reply: &KexEcdhReply<'_>) -> Result<(SharedSecret, Digest)> {
    hash_string(&mut transcript, reply.host_key);
    method.hash_group(&mut transcript);
    let (public, secret) = method.complete(reply.public)?;
    hash_string(&mut transcript, &public);
    hash_string(&mut transcript, reply.public);
    secret.hash_into(&mut transcript);
    Ok((secret, transcript.finish()))
}

/// Queue a message of the exchange. The session has made sure that there is room.
fn send(cx: &mut Context<'_, '_>, write: impl FnOnce(&mut Writer<'_>, &Config)) -> Result<()> {
    let config = cx.config;
    if cx.outbox.packet(cx.rng, |w| write(w, config))? { Ok(()) } else { Err(Usage::Config.into()) }
}

fn hash_string(hash: &mut Hash, bytes: &[u8]) {
    hash.update(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    hash.update(bytes);
}

/// Keys of one direction (RFC 4253 section 7.2); `letters`: IV, key, MAC key.
fn protection(
    agreed: &Negotiated,
    suite: &Suite,
    letters: [u8; 3],
    secret: &SharedSecret,
    hash: &Digest,
    session_id: &Digest,
) -> Result<Protection> {
    let mac_len = suite.mac.map_or(0, |mac| mac.key_len);
    let mut bytes = zeroize::Zeroizing::new([[0; MAX_KEY]; 3]);
    for ((out, letter), len) in bytes.iter_mut().zip(letters).zip([suite.cipher.iv_len, suite.cipher.key_len, mac_len])
    {
        let out = out.get_mut(..len).ok_or(Usage::Misuse)?;
        kex::derive(agreed.kex.hash, secret, hash.as_ref(), letter, session_id.as_ref(), out);
    }
    let [iv, key, mac] = &*bytes;
    Protection::new(
        suite.cipher,
        suite.mac,
        key.get(..suite.cipher.key_len).unwrap_or_default(),
        iv.get(..suite.cipher.iv_len).unwrap_or_default(),
        mac.get(..mac_len).unwrap_or_default(),
    )
}
