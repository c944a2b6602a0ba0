//! Channels that carry connections: the ones that we open, and the ones that the peer may open because this
//! side has asked for them. What nobody asked for is refused.

use crate::channel::request::Grant;
use crate::error::{PeerError, Result, Usage};
use crate::msg::ChannelOpen;
use crate::names::{self, open_failure};
use crate::text::Text;
use crate::wire::{Reader, Writer};

/// Whether this build has what the peer may open.
pub(super) const ON: bool = cfg!(feature = "forward");
const CHIP: bool = cfg!(target_os = "none");
/// Longest address or path of a forward that we ask for.
pub const MAX_ADDRESS: usize = if !ON {
    1
} else if CHIP {
    64
} else {
    128
};
/// Forwards that can be on at once.
const MAX_FORWARDS: usize = if !ON {
    1
} else if CHIP {
    2
} else {
    16
};
/// Channels of the peer that can wait to be taken.
pub const MAX_WAITING: usize = if !ON || CHIP { 1 } else { 16 };
/// Longest address that a connection of the peer comes from; it is cut there.
const MAX_ORIGIN: usize = if ON { 64 } else { 1 };

/// What a channel of ours leads to.
#[derive(Debug, Clone, Copy)]
pub enum Target<'t> {
    /// A program on the other side.
    Session,
    /// A TCP port, and where the connection came from (RFC 4254 section 7.2).
    Tcp {
        /// Name or address.
        host: &'t [u8],
        /// Port.
        port: u32,
        /// Address of whoever asked for the connection.
        origin: &'t [u8],
        /// Its port.
        origin_port: u32,
    },
    /// A Unix socket (OpenSSH PROTOCOL section 2.4).
    Unix(&'t [u8]),
}

impl Target<'_> {
    pub(super) const fn kind(&self) -> &'static [u8] {
        match self {
            Self::Session => names::CHANNEL_SESSION,
            Self::Tcp { .. } => names::DIRECT_TCPIP,
            Self::Unix(_) => names::DIRECT_STREAMLOCAL,
        }
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
        match self {
            Self::Session => {}
            Self::Tcp { host, port, origin, origin_port } => {
                w.string(host).u32(*port).string(origin).u32(*origin_port);
            }
            // Two fields that OpenSSH has reserved.
            Self::Unix(path) => {
                w.string(path).string(b"").u32(0);
            }
        }
    }
}

/// Where the peer listens for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen<'l> {
    /// An address and a port; port 0: one that the peer chooses (RFC 4254 section 7.1).
    Tcp {
        /// Name or address to bind.
        host: &'l [u8],
        /// Port.
        port: u32,
    },
    /// A Unix socket (OpenSSH PROTOCOL section 2.4).
    Unix(&'l [u8]),
}

impl<'l> Listen<'l> {
    const fn parts(&self) -> (&'l [u8], u32) {
        match self {
            Self::Tcp { host, port } => (host, *port),
            Self::Unix(path) => (path, 0),
        }
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) {
        match self {
            Self::Tcp { host, port } => w.string(host).u32(*port),
            Self::Unix(path) => w.string(path),
        };
    }
}

/// What a channel that the peer has opened is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming {
    /// forwarded-tcpip
    Tcp,
    /// forwarded-streamlocal@openssh.com
    Unix,
    /// x11
    X11,
    /// auth-agent@openssh.com
    Agent,
}

/// A channel that the peer has opened and the program has not taken yet.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// What it is about.
    pub kind: Incoming,
    /// Where we asked the peer to listen: address or path.
    pub address: Text<MAX_ADDRESS>,
    /// The port there.
    pub port: u32,
    /// Where the connection came from, as the peer tells it.
    pub origin: Text<MAX_ORIGIN>,
    /// The port there.
    pub origin_port: u32,
    pub(super) remote: u32,
    pub(super) window: u32,
    pub(super) max_packet: u32,
}

/// A forward that was asked for.
#[derive(Debug)]
struct Forward {
    unix: bool,
    address: heapless::Vec<u8, MAX_ADDRESS>,
    port: u32,
    /// The number of the global request whose answer is still to come.
    asked: Option<u32>,
}

impl Forward {
    fn is(&self, listen: &Listen<'_>) -> bool {
        self.unix == matches!(listen, Listen::Unix(_)) && (self.address.as_slice(), self.port) == listen.parts()
    }

    /// True when a connection to `address` and `port` is one for this forward.
    fn takes(&self, address: &[u8], port: u32) -> bool {
        if self.asked.is_some() || self.port != port {
            return false;
        }
        let local = |name: &[u8]| [&b"localhost"[..], b"127.0.0.1", b"::1"].contains(&name);
        match self.address.as_slice() {
            path if self.unix => path == address,
            // All addresses of the peer (RFC 4254 section 7.1), of which it may name the one connected to.
            b"" | b"*" | b"0.0.0.0" | b"::" => true,
            b"localhost" => local(address),
            name => name.eq_ignore_ascii_case(address),
        }
    }
}

/// Forwards, and the channels that came because of them.
#[derive(Debug, Default)]
pub(super) struct Forwards {
    list: heapless::Vec<Forward, MAX_FORWARDS>,
    waiting: heapless::Deque<Waiting, MAX_WAITING>,
}

/// Why a channel is not opened: a reason of RFC 4254 section 5.1.
type Refusal = u32;

impl Forwards {
    /// An error unless this forward could be asked for now.
    pub(super) fn check(&self, listen: &Listen<'_>) -> Result<()> {
        if !ON {
            return Err(Usage::LeftOut.into());
        }
        if listen.parts().0.len() > MAX_ADDRESS {
            return Err(Usage::TooLong.into());
        }
        if self.list.is_full() { Err(Usage::NoForward.into()) } else { Ok(()) }
    }

    /// Global request number `asked` asks for a forward.
    pub(super) fn add(&mut self, listen: &Listen<'_>, asked: u32) -> Result<()> {
        let (address, port) = listen.parts();
        let address = heapless::Vec::from_slice(address).map_err(|_| Usage::TooLong)?;
        let unix = matches!(listen, Listen::Unix(_));
        let forward = Forward { unix, address, port, asked: Some(asked) };
        self.list.push(forward).map_err(|_| Usage::NoForward.into())
    }

    /// The answer to global request `number` came. The port, if it asked for a forward that is on now.
    pub(super) fn answered(&mut self, number: u32, granted: bool, body: &[u8]) -> Result<Option<u32>> {
        let Some(index) = self.list.iter().position(|forward| forward.asked == Some(number)) else {
            return Ok(None);
        };
        let Some(forward) = self.list.get_mut(index).filter(|_| granted) else {
            self.list.swap_remove(index);
            return Ok(None);
        };
        forward.asked = None;
        if !forward.unix && forward.port == 0 {
            // RFC 4254 section 7.1: the port that the peer chose.
            let mut reader = Reader::new(body);
            forward.port = reader.u32()?;
            reader.end()?;
        }
        Ok(Some(forward.port))
    }

    /// The program no longer waits for the answer to request `number`: if it was a forward, nobody takes its
    /// connections.
    pub(super) fn forget(&mut self, number: u32) {
        self.list.retain(|forward| forward.asked != Some(number));
    }

    /// This side wants no more connections from a forward.
    pub(super) fn remove(&mut self, listen: &Listen<'_>) {
        if let Some(index) = self.list.iter().position(|forward| forward.is(listen)) {
            self.list.swap_remove(index);
        }
    }

    /// The first channel that waits.
    pub(super) fn front(&self) -> Option<&Waiting> {
        self.waiting.front()
    }

    /// It was taken.
    pub(super) fn pop(&mut self) {
        self.waiting.pop_front();
    }

    /// Forget everything.
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.waiting.clear();
    }

    /// The peer opens a channel: let it wait to be taken, or refuse it. `grants`: what live channels allow.
    pub(super) fn open<'g>(
        &mut self,
        message: &ChannelOpen<'_>,
        grants: impl Iterator<Item = &'g mut [Grant; 2]>,
    ) -> Result<core::result::Result<(), Refusal>> {
        let Some(kind) = kind(message.kind) else {
            let known = [names::CHANNEL_SESSION, names::DIRECT_TCPIP, names::DIRECT_STREAMLOCAL];
            let ours = known.contains(&message.kind);
            return Ok(Err(if ours { open_failure::PROHIBITED } else { open_failure::UNKNOWN_TYPE }));
        };
        if !ON {
            return Ok(Err(open_failure::PROHIBITED));
        }
        let grant = match kind {
            Incoming::Tcp | Incoming::Unix if self.list.is_empty() => return Ok(Err(open_failure::PROHIBITED)),
            Incoming::Tcp | Incoming::Unix => None,
            Incoming::Agent => match find_grant(grants, false) {
                None => return Ok(Err(open_failure::PROHIBITED)),
                found => found,
            },
            Incoming::X11 => match find_grant(grants, true) {
                None => return Ok(Err(open_failure::PROHIBITED)),
                found => found,
            },
        };
        let waiting = read(kind, message)?;
        if matches!(kind, Incoming::Tcp | Incoming::Unix) && !self.is_wanted(kind, message)? {
            return Ok(Err(open_failure::PROHIBITED));
        }
        // A peer that takes packets of no bytes can never be sent any.
        if message.max_packet == 0 {
            return Err(PeerError::Window.into());
        }
        if self.waiting.push_back(waiting).is_err() {
            return Ok(Err(open_failure::RESOURCE_SHORTAGE));
        }
        if let Some(grant) = grant.filter(|grant| **grant == Grant::X11 { single: true }) {
            *grant = Grant::None;
        }
        Ok(Ok(()))
    }

    fn is_wanted(&self, kind: Incoming, message: &ChannelOpen<'_>) -> Result<bool> {
        let mut reader = Reader::new(message.rest);
        let address = reader.string()?;
        let unix = kind == Incoming::Unix;
        let port = if unix { 0 } else { reader.u32()? };
        Ok(self.list.iter().any(|forward| forward.unix == unix && forward.takes(address, port)))
    }
}

fn kind(name: &[u8]) -> Option<Incoming> {
    Some(match name {
        names::FORWARDED_TCPIP => Incoming::Tcp,
        names::FORWARDED_STREAMLOCAL => Incoming::Unix,
        names::X11 => Incoming::X11,
        names::AUTH_AGENT => Incoming::Agent,
        _ => return None,
    })
}

fn find_grant<'g>(grants: impl Iterator<Item = &'g mut [Grant; 2]>, x11: bool) -> Option<&'g mut Grant> {
    let mut given = grants.map(|[agent, display]| if x11 { display } else { agent });
    given.find(|grant| **grant != Grant::None)
}

/// What an opening says about its connection (RFC 4254 sections 6.3.2 and 7.2, OpenSSH PROTOCOL section 2.4).
fn read(kind: Incoming, message: &ChannelOpen<'_>) -> Result<Waiting> {
    let mut reader = Reader::new(message.rest);
    let (mut address, mut origin): (&[u8], &[u8]) = (b"", b"");
    let (mut port, mut origin_port) = (0, 0);
    match kind {
        Incoming::Tcp => {
            (address, port) = (reader.string()?, reader.u32()?);
            (origin, origin_port) = (reader.string()?, reader.u32()?);
        }
        Incoming::Unix => {
            address = reader.string()?;
            let _reserved = reader.string()?;
        }
        Incoming::X11 => (origin, origin_port) = (reader.string()?, reader.u32()?),
        Incoming::Agent => {}
    }
    reader.end()?;
    let mut waiting = Waiting {
        kind,
        address: Text::new(),
        port,
        origin: Text::new(),
        origin_port,
        remote: message.sender,
        window: message.window,
        max_packet: message.max_packet,
    };
    waiting.address.set(address);
    waiting.origin.set(origin);
    Ok(waiting)
}
