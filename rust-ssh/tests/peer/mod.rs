//! A minimal server in memory, for tests of the client: it speaks correctly until a test makes it say
//! something else.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::expect_used,
    clippy::panic
)]

use std::collections::VecDeque;
use std::task::Poll;

use rust_ssh::auth::client::{Method, Outcome};
use rust_ssh::channel::{Request, Target};
use rust_ssh::client::Handshake;
use rust_ssh::config::{Config, Kind, Preference};
use rust_ssh::crypto::ed25519::SigningKey;
use rust_ssh::crypto::hash::{Digest, Hash};
use rust_ssh::crypto::kex::{self, KexAlg, SharedSecret};
use rust_ssh::crypto::protection::{Protection, find_cipher, find_mac};
use rust_ssh::crypto::rng::Rng;
use rust_ssh::error::{Error, Result};
use rust_ssh::msg::*;
use rust_ssh::session::Session;
use rust_ssh::transport::packet::{Inbox, Outbox};
use rust_ssh::wire::{Reader, Writer};

pub const IDENT: &str = "SSH-2.0-peer";
pub const PASSWORD: &[u8] = b"secret";

pub fn leak(len: usize) -> &'static mut [u8] {
    Box::leak(vec![0; len].into_boxed_slice())
}

/// A client session over leaked buffers, seeded always the same.
pub fn client(config: Config, inbox: usize) -> Session<'static> {
    let slots = Box::leak((0..4).map(|_| None).collect::<Vec<_>>().into_boxed_slice());
    Session::new(config, leak(inbox), leak(64 * 1024), slots, &[7; 32], 0).unwrap()
}

pub fn config(cipher: &str, mac: &str) -> Config {
    Config {
        ciphers: Preference::parse(Kind::Cipher, cipher).unwrap(),
        macs: Preference::parse(Kind::Mac, mac).unwrap(),
        ..Config::default()
    }
}

pub fn string(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes(), text].concat()
}

/// The keys of one direction, as the letters of RFC 4253 section 7.2 say.
struct Secrets {
    k: SharedSecret,
    h: Digest,
}

pub struct Peer {
    pub inbox: Inbox<'static>,
    pub outbox: Outbox<'static>,
    pub rng: Rng,
    pub host: SigningKey,
    pub strict: bool,
    /// The method that it offers.
    pub kex: &'static KexAlg,
    /// The body of KEX_DH_GEX_GROUP that it sends.
    pub group: Vec<u8>,
    /// A packet that follows its first KEXINIT, which says that it guesses another method.
    pub guess: Option<Vec<u8>>,
    cipher: &'static str,
    mac: &'static str,
    client_ident: Option<Vec<u8>>,
    kexinit: Option<Vec<u8>>,
    session_id: Option<Digest>,
    /// Keys for what comes in after the client's NEWKEYS.
    next: Option<Protection>,
    pub rekeys: u32,
    /// Messages that the tests look at: what is not part of an exchange or a login.
    pub seen: VecDeque<Vec<u8>>,
    /// Sends the packets of the exchange only up to this one (1: KEXINIT, 2: reply, 3: NEWKEYS).
    pub until: u32,
}

impl Peer {
    pub fn new(cipher: &'static str, mac: &'static str) -> Self {
        let mut peer = Self {
            inbox: Inbox::new(leak(256 * 1024)),
            outbox: Outbox::new(leak(256 * 1024)),
            rng: Rng::new(&[9; 32]),
            host: SigningKey::from_seed(&[3; 32]),
            strict: true,
            kex: kex::find("curve25519-sha256").unwrap(),
            group: Vec::new(),
            guess: None,
            cipher,
            mac,
            client_ident: None,
            kexinit: None,
            session_id: None,
            next: None,
            rekeys: 0,
            seen: VecDeque::new(),
            until: u32::MAX,
        };
        peer.outbox.raw(IDENT.as_bytes()).unwrap();
        peer.outbox.raw(b"\r\n").unwrap();
        peer
    }

    pub fn send(&mut self, payload: &[u8]) {
        assert!(
            self.outbox
                .packet(&mut self.rng, |w| {
                    w.bytes(payload);
                })
                .unwrap()
        );
    }

    pub fn message(&mut self, write: impl FnOnce(&mut Writer<'_>)) {
        assert!(self.outbox.packet(&mut self.rng, write).unwrap());
    }

    /// Start an exchange.
    pub fn send_kexinit(&mut self) {
        let marker = if self.strict && self.session_id.is_none() { ",kex-strict-s-v00@openssh.com" } else { "" };
        let guess = self.guess.take();
        let first = if guess.is_some() { "guessed-kex," } else { "" };
        let names = format!("{first}{}{marker}", self.kex.name);
        let (c, m) = (self.cipher, self.mac);
        let init =
            KexInit::new(&[5; 16], &names, "ssh-ed25519", c, c, m, m, "none", "none", "", "", guess.is_some(), 0);
        let mut buf = [0; 1024];
        let mut w = Writer::new(&mut buf);
        init.write(&mut w);
        let payload = w.written().to_vec();
        self.send(&payload);
        self.kexinit = Some(payload);
        if let Some(guess) = guess {
            self.send(&guess);
        }
    }

    pub fn host_blob(&self) -> Vec<u8> {
        [string(b"ssh-ed25519"), string(&self.host.public())].concat()
    }

    /// The session's id, as a string.
    pub fn session_id(&self) -> Vec<u8> {
        string(self.session_id.as_ref().unwrap().as_ref())
    }

    /// Take what the client sent.
    pub fn receive(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(16 * 1024) {
            self.inbox.room()[..chunk.len()].copy_from_slice(chunk);
            self.inbox.received(chunk.len());
            self.take_all();
        }
    }

    fn take_all(&mut self) {
        if self.client_ident.is_none() {
            let unread = self.inbox.unread();
            let Some(end) = unread.iter().position(|b| *b == b'\n') else { return };
            self.client_ident = Some(unread[..end - 1].to_vec());
            self.inbox.consume(end + 1);
            if self.until >= 1 {
                self.send_kexinit();
            }
        }
        while let Some(packet) = self.inbox.take().expect("the client sends good packets") {
            let payload = packet.payload.to_vec();
            self.handle(&payload);
        }
    }

    fn handle(&mut self, payload: &[u8]) {
        let body = &payload[1..];
        match payload[0] {
            KexInit::NUMBER => {
                if self.kexinit.is_none() {
                    self.send_kexinit();
                }
                self.seen.push_back(payload.to_vec());
            }
            KexEcdhInit::NUMBER if self.until >= 2 => self.reply(KexEcdhInit::read(body).unwrap().public),
            KexDhGexRequest::NUMBER if self.until >= 2 => {
                let asked = KexDhGexRequest::read(body).unwrap();
                assert_eq!([asked.min, asked.preferred, asked.max], kex::GROUP_BITS);
                self.send(&[&[31], &self.group[..]].concat());
            }
            KexDhGexInit::NUMBER if self.until >= 2 => self.reply(KexDhGexInit::read(body).unwrap().public),
            NewKeys::NUMBER => {
                if let Some(keys) = self.next.take() {
                    self.inbox.set_keys(keys, self.strict);
                }
            }
            ServiceRequest::NUMBER => self.message(|w| ServiceAccept::new(b"ssh-userauth").write(w)),
            UserauthRequest::NUMBER => self.login(&UserauthRequest::read(body).unwrap()),
            _ => self.seen.push_back(payload.to_vec()),
        }
    }

    fn reply(&mut self, public: &[u8]) {
        let client_init = self.seen.pop_back().expect("KEXINIT comes first");
        let server_init = self.kexinit.take().unwrap();
        let (reply, k) = self.respond(public);
        let mut hash = Hash::new(self.kex.hash);
        let blob = self.host_blob();
        let ident = self.client_ident.clone().unwrap();
        for part in [&ident[..], IDENT.as_bytes(), &client_init, &server_init, &blob] {
            hash.update(&string(part));
        }
        if self.kex.group {
            kex::GROUP_BITS.iter().for_each(|bits| hash.update(&bits.to_be_bytes()));
            hash.update(&self.group);
        }
        hash.update(&string(public));
        hash.update(&string(&reply));
        k.hash_into(&mut hash);
        let h = hash.finish();
        let signature = [string(b"ssh-ed25519"), string(&self.host.sign(h.as_ref()))].concat();
        if self.kex.group {
            self.message(|w| KexDhGexReply::new(&blob, &reply, &signature).write(w));
        } else {
            self.message(|w| KexEcdhReply::new(&blob, &reply, &signature).write(w));
        }
        let first = self.session_id.is_none();
        self.session_id.get_or_insert_with(|| h.clone());
        let secrets = Secrets { k, h };
        if self.until >= 3 {
            self.send(&[NewKeys::NUMBER]);
            let keys = self.keys(&secrets, *b"BDF");
            self.outbox.set_keys(keys, self.strict);
        }
        self.next = Some(self.keys(&secrets, *b"ACE"));
        self.rekeys += u32::from(!first);
    }

    #[cfg(feature = "gex")]
    fn respond(&mut self, public: &[u8]) -> (kex::KexPublic, SharedSecret) {
        if self.kex.group {
            return kex::server_respond_in(self.kex, &self.group, &mut self.rng, public).unwrap();
        }
        kex::server_respond(self.kex, &mut self.rng, public).unwrap()
    }

    #[cfg(not(feature = "gex"))]
    fn respond(&mut self, public: &[u8]) -> (kex::KexPublic, SharedSecret) {
        kex::server_respond(self.kex, &mut self.rng, public).unwrap()
    }

    fn keys(&self, secrets: &Secrets, letters: [u8; 3]) -> Protection {
        let cipher = find_cipher(self.cipher).unwrap();
        let mac = if cipher.aead { None } else { find_mac(self.mac) };
        let id = self.session_id.as_ref().unwrap();
        let make = |letter, len| {
            let mut out = vec![0; len];
            kex::derive(self.kex.hash, &secrets.k, secrets.h.as_ref(), letter, id.as_ref(), &mut out);
            out
        };
        let mac_key = make(letters[2], mac.map_or(0, |mac| mac.key_len));
        Protection::new(cipher, mac, &make(letters[1], cipher.key_len), &make(letters[0], cipher.iv_len), &mac_key)
            .unwrap()
    }

    fn login(&mut self, request: &UserauthRequest<'_>) {
        let mut reader = Reader::new(request.rest);
        let good = request.method == b"password" && !reader.bool().unwrap() && reader.string().unwrap() == PASSWORD;
        if good {
            self.send(&[UserauthSuccess::NUMBER]);
        } else {
            self.message(|w| UserauthFailure::new("publickey,password", false).write(w));
        }
    }
}

/// Both ends, and what the peer sent so far, flight by flight.
pub struct Pair {
    pub client: Session<'static>,
    pub peer: Peer,
    pub transcript: Vec<Vec<u8>>,
}

impl Pair {
    pub fn new(cipher: &'static str, mac: &'static str) -> Self {
        Self::with(config(cipher, mac), Peer::new(cipher, mac))
    }

    pub fn with(config: Config, peer: Peer) -> Self {
        Self { client: client(config, 64 * 1024), peer, transcript: Vec::new() }
    }

    /// Move all bytes that can be moved; true if any were.
    pub fn turn(&mut self) -> Result<bool> {
        let mut moved = self.client.process(None)?;
        let out = self.client.pending().to_vec();
        self.client.sent(out.len());
        self.peer.receive(&out);
        moved |= !out.is_empty();
        let back = self.peer.outbox.pending().to_vec();
        self.peer.outbox.sent(back.len());
        if !back.is_empty() {
            self.transcript.push(back.clone());
        }
        moved |= !back.is_empty();
        give(&mut self.client, &back)?;
        Ok(moved)
    }

    /// Repeat `op` until it is done.
    pub fn run<T>(&mut self, mut op: impl FnMut(&mut Session<'static>) -> Result<Poll<T>>) -> Result<T> {
        loop {
            if let Poll::Ready(value) = op(&mut self.client)? {
                self.turn()?;
                return Ok(value);
            }
            assert!(self.turn()?, "both sides wait");
        }
    }

    pub fn handshake(&mut self) -> Result<()> {
        assert_eq!(self.run(Session::handshake)?, Handshake::HostKey);
        assert_eq!(self.client.host_key(), self.peer.host_blob());
        self.client.accept_host_key()?;
        assert_eq!(self.run(Session::handshake)?, Handshake::Done);
        Ok(())
    }

    pub fn login(&mut self) -> Result<()> {
        self.handshake()?;
        let outcome = self.run(|session| session.login(b"user", &Method::Password(PASSWORD)))?;
        assert_eq!(outcome, Outcome::Success);
        Ok(())
    }

    /// A channel with a window of `window` bytes; the peer calls it 100 and takes `peer_window`.
    pub fn open(&mut self, window: usize, peer_window: u32, peer_max: u32) -> Result<usize> {
        let id = self.client.add_channel(leak(window))?;
        assert_eq!(self.client.open_channel(id, &Target::Session), Ok(Poll::Pending));
        self.turn()?;
        let asked = self.peer.seen.pop_back().unwrap();
        let open = ChannelOpen::read(&asked[1..]).unwrap();
        assert_eq!((open.kind, open.window), (&b"session"[..], window as u32));
        let sender = open.sender;
        self.peer.message(|w| ChannelOpenConfirmation::new(sender, 100, peer_window, peer_max, b"").write(w));
        self.run(|session| session.open_channel(id, &Target::Session))?;
        Ok(id)
    }

    pub fn exec(&mut self, id: usize, command: &[u8]) -> Result<()> {
        assert_eq!(self.client.request(id, &Request::Exec(command)), Ok(Poll::Pending));
        self.turn()?;
        self.peer.message(|w| ChannelSuccess::new(id as u32).write(w));
        self.run(|session| session.request(id, &Request::Exec(command)))
    }

    pub fn data(&mut self, id: usize, data: &[u8]) {
        self.peer.message(|w| ChannelData::new(id as u32, data).write(w));
    }

    /// The error that moving bytes ends with.
    pub fn error(&mut self) -> Error {
        loop {
            match self.turn() {
                Ok(true) => {}
                Ok(false) => panic!("no error came"),
                Err(error) => return error,
            }
        }
    }
}

/// Give bytes to a client, processing as they come.
pub fn give(client: &mut Session<'_>, mut bytes: &[u8]) -> Result<()> {
    while !bytes.is_empty() {
        let room = client.room();
        let n = room.len().min(bytes.len());
        if n == 0 {
            if client.auth().is_asked() {
                client.abandon_login(); // nobody answers here
                continue;
            }
            client.process(None)?;
            let pending = client.pending().len();
            client.sent(pending);
            continue;
        }
        room[..n].copy_from_slice(&bytes[..n]);
        client.received(n);
        bytes = &bytes[n..];
        client.process(None)?;
    }
    Ok(())
}
