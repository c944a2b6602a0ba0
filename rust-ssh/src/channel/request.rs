//! Requests on a channel (RFC 4254 section 6).

use crate::wire::Writer;

/// What a granted request allows the peer to open from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Grant {
    /// Nothing.
    None,
    /// Channels to our agent.
    Agent,
    /// Channels to our X server: one (RFC 4254 section 6.3.1), or any number.
    X11 { single: bool },
}

/// A channel request.
#[derive(Debug, Clone, Copy)]
#[allow(missing_docs)] // the fields are the RFC's
pub enum Request<'r> {
    Exec(&'r [u8]),
    Shell,
    Subsystem(&'r [u8]),
    Pty { term: &'r [u8], size: [u32; 4], modes: &'r [u8] },
    Env { name: &'r [u8], value: &'r [u8] },
    Signal(&'r [u8]),
    WindowChange { size: [u32; 4] },
    Break { ms: u32 },
    Agent,
    X11 { single: bool, protocol: &'r [u8], cookie: &'r [u8], screen: u32 },
}

impl Request<'_> {
    const fn name(&self) -> &'static [u8] {
        match self {
            Self::Exec(_) => b"exec",
            Self::Shell => b"shell",
            Self::Subsystem(_) => b"subsystem",
            Self::Pty { .. } => b"pty-req",
            Self::Env { .. } => b"env",
            Self::Signal(_) => b"signal",
            Self::WindowChange { .. } => b"window-change",
            Self::Break { .. } => b"break", // RFC 4335
            Self::Agent => b"auth-agent-req@openssh.com",
            Self::X11 { .. } => b"x11-req",
        }
    }

    /// Section 6.7 and 6.9 forbid an answer to these two.
    pub(super) const fn wants_reply(&self) -> bool {
        !matches!(self, Self::Signal(_) | Self::WindowChange { .. })
    }

    /// What it allows the peer when it is granted.
    pub(super) const fn grant(&self) -> Grant {
        match self {
            Self::Agent => Grant::Agent,
            Self::X11 { single, .. } => Grant::X11 { single: *single },
            _ => Grant::None,
        }
    }

    pub(super) fn write(&self, w: &mut Writer<'_>, recipient: u32) {
        crate::msg::ChannelRequest::new(recipient, self.name(), self.wants_reply(), &[]).write(w);
        match self {
            Self::Exec(text) | Self::Subsystem(text) | Self::Signal(text) => {
                w.string(text);
            }
            Self::Shell | Self::Agent => {}
            Self::Pty { term, size: [columns, rows, width, height], modes } => {
                w.string(term).u32(*columns).u32(*rows).u32(*width).u32(*height).string(modes);
            }
            Self::Env { name, value } => {
                w.string(name).string(value);
            }
            Self::WindowChange { size: [columns, rows, width, height] } => {
                w.u32(*columns).u32(*rows).u32(*width).u32(*height);
            }
            Self::Break { ms } => {
                w.u32(*ms);
            }
            Self::X11 { single, protocol, cookie, screen } => {
                w.bool(*single).string(protocol).string(cookie).u32(*screen);
            }
        }
    }
}
