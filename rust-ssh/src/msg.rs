//! The table of all messages: number, name, who may send it, when, and its fields.
//!
//! One row makes the message's struct (borrowing from the packet), its reader and its writer, and its
//! place in [`lookup`], which is the only judge of whether a message may come now.

use crate::error::Result;
use crate::wire::{Reader, Writer};

/// When a message may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At any time, key exchanges included (RFC 4253 section 7.1).
    Always,
    /// In a key exchange, or to start one.
    Kex,
    /// When keys are on and no key exchange is under way.
    Service,
    /// While logging in.
    Auth,
    /// Once logged in.
    Connection,
}

/// Who may send a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Both sides.
    Both,
    /// The client only.
    Client,
    /// The server only.
    Server,
}

/// Where the layers above the transport put their messages.
pub trait Output {
    /// Queue the message that `fill` writes. False, and nothing queued, when there is no room now.
    ///
    /// # Errors
    /// [`crate::error::Usage::TooLong`] when the message can never fit.
    fn send(&mut self, fill: &mut dyn FnMut(&mut Writer<'_>)) -> Result<bool>;
    /// The largest message with channel data that is welcome now, in bytes.
    fn room(&self) -> usize;
    /// The largest that can ever be, in bytes.
    fn capacity(&self) -> usize;
}

macro_rules! field_type {
    ($l:lifetime bool) => { bool };
    ($l:lifetime u8) => { u8 };
    ($l:lifetime u32) => { u32 };
    ($l:lifetime cookie) => { &$l [u8; 16] };
    ($l:lifetime name_list) => { &$l str };
    ($l:lifetime string) => { &$l [u8] };
    ($l:lifetime rest) => { &$l [u8] };
}

macro_rules! field_read {
    ($r:ident cookie) => {
        $r.array::<16>()?
    };
    ($r:ident rest) => {{
        let len = $r.rest().len();
        $r.bytes(len)?
    }};
    ($r:ident $kind:ident) => {
        $r.$kind()?
    };
}

macro_rules! field_write {
    ($w:ident cookie $value:expr) => {
        $w.bytes($value)
    };
    ($w:ident rest $value:expr) => {
        $w.bytes($value)
    };
    ($w:ident name_list $value:expr) => {
        $w.string($value.as_bytes())
    };
    ($w:ident $kind:ident $value:expr) => {
        $w.$kind($value)
    };
}

macro_rules! messages {
    ($($(#[$doc:meta])* $number:literal $name:ident $when:ident $from:ident { $($field:ident: $kind:ident),* })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            #[allow(missing_docs)] // the fields are the RFC's
            pub struct $name<'a> {
                $(pub $field: field_type!('a $kind),)*
                /// Keeps the lifetime of messages that borrow nothing.
                pub marker: core::marker::PhantomData<&'a ()>,
            }

            impl<'a> $name<'a> {
                /// The message number.
                pub const NUMBER: u8 = $number;

                /// Make one.
                #[allow(clippy::too_many_arguments, clippy::new_without_default)]
                pub const fn new($($field: field_type!('a $kind)),*) -> Self {
                    Self { $($field,)* marker: core::marker::PhantomData }
                }

                /// Read the fields that follow the number; nothing may follow them.
                #[allow(unused_mut)]
                pub fn read(body: &'a [u8]) -> Result<Self> {
                    let mut reader = Reader::new(body);
                    let message = Self::new($(field_read!(reader $kind)),*);
                    reader.end()?;
                    Ok(message)
                }

                /// Write number and fields.
                pub fn write(&self, w: &mut Writer<'_>) {
                    w.u8($number);
                    $(field_write!(w $kind self.$field);)*
                }
            }
        )*

        /// When and by whom the message `number` may be sent; `None` for a number that has no row.
        pub const fn lookup(number: u8) -> Option<(When, From)> {
            match number {
                $($number => Some((When::$when, From::$from)),)*
                _ => None,
            }
        }
    };
}

messages! {
    // RFC 4253 section 11
    /// SSH_MSG_DISCONNECT
    1 Disconnect Always Both { reason: u32, description: string, rest: rest }
    /// SSH_MSG_IGNORE
    2 Ignore Always Both { rest: rest }
    /// SSH_MSG_UNIMPLEMENTED
    3 Unimplemented Always Both { sequence: u32 }
    /// SSH_MSG_DEBUG
    4 Debug Always Both { rest: rest }
    // RFC 4253 section 10
    /// SSH_MSG_SERVICE_REQUEST
    5 ServiceRequest Service Client { service: string }
    /// SSH_MSG_SERVICE_ACCEPT
    6 ServiceAccept Service Server { service: string }
    // RFC 8308
    /// SSH_MSG_EXT_INFO
    7 ExtInfo Service Both { count: u32, extensions: rest }
    // RFC 4253 section 7
    /// SSH_MSG_KEXINIT
    20 KexInit Kex Both {
        cookie: cookie,
        kex: name_list, host_keys: name_list,
        ciphers_c2s: name_list, ciphers_s2c: name_list,
        macs_c2s: name_list, macs_s2c: name_list,
        compression_c2s: name_list, compression_s2c: name_list,
        languages_c2s: name_list, languages_s2c: name_list,
        first_kex_packet_follows: bool, reserved: u32
    }
    /// SSH_MSG_NEWKEYS
    21 NewKeys Kex Both { }
    // RFC 5656 section 4, RFC 8731
    /// SSH_MSG_KEX_ECDH_INIT
    30 KexEcdhInit Kex Client { public: string }
    /// SSH_MSG_KEX_ECDH_REPLY
    31 KexEcdhReply Kex Server { host_key: string, public: string, signature: string }
    // RFC 4419 section 5; its KEX_DH_GEX_GROUP has the number 31 too, and is read where the group is checked
    /// SSH_MSG_KEX_DH_GEX_INIT
    32 KexDhGexInit Kex Client { public: string }
    /// SSH_MSG_KEX_DH_GEX_REPLY
    33 KexDhGexReply Kex Server { host_key: string, public: string, signature: string }
    /// SSH_MSG_KEX_DH_GEX_REQUEST
    34 KexDhGexRequest Kex Client { min: u32, preferred: u32, max: u32 }
    // RFC 4252
    /// SSH_MSG_USERAUTH_REQUEST
    50 UserauthRequest Auth Client { user: string, service: string, method: string, rest: rest }
    /// SSH_MSG_USERAUTH_FAILURE
    51 UserauthFailure Auth Server { methods: name_list, partial: bool }
    /// SSH_MSG_USERAUTH_SUCCESS
    52 UserauthSuccess Auth Server { }
    /// SSH_MSG_USERAUTH_BANNER
    53 UserauthBanner Auth Server { message: string, language: string }
    /// Numbers 60 and 61 mean something else in each method (RFC 4252 section 6): PASSWD_CHANGEREQ, PK_OK, INFO_REQUEST
    60 UserauthMethod60 Auth Server { rest: rest }
    /// INFO_RESPONSE
    61 UserauthMethod61 Auth Client { rest: rest }
    // RFC 4254 section 4
    /// SSH_MSG_GLOBAL_REQUEST
    80 GlobalRequest Connection Both { name: string, want_reply: bool, rest: rest }
    /// SSH_MSG_REQUEST_SUCCESS
    81 RequestSuccess Connection Both { rest: rest }
    /// SSH_MSG_REQUEST_FAILURE
    82 RequestFailure Connection Both { }
    // RFC 4254 section 5
    /// SSH_MSG_CHANNEL_OPEN
    90 ChannelOpen Connection Both { kind: string, sender: u32, window: u32, max_packet: u32, rest: rest }
    /// SSH_MSG_CHANNEL_OPEN_CONFIRMATION
    91 ChannelOpenConfirmation Connection Both { recipient: u32, sender: u32, window: u32, max_packet: u32, rest: rest }
    /// SSH_MSG_CHANNEL_OPEN_FAILURE
    92 ChannelOpenFailure Connection Both { recipient: u32, reason: u32, description: string, language: string }
    /// SSH_MSG_CHANNEL_WINDOW_ADJUST
    93 ChannelWindowAdjust Connection Both { recipient: u32, bytes: u32 }
    /// SSH_MSG_CHANNEL_DATA
    94 ChannelData Connection Both { recipient: u32, data: string }
    /// SSH_MSG_CHANNEL_EXTENDED_DATA
    95 ChannelExtendedData Connection Both { recipient: u32, kind: u32, data: string }
    /// SSH_MSG_CHANNEL_EOF
    96 ChannelEof Connection Both { recipient: u32 }
    /// SSH_MSG_CHANNEL_CLOSE
    97 ChannelClose Connection Both { recipient: u32 }
    /// SSH_MSG_CHANNEL_REQUEST
    98 ChannelRequest Connection Both { recipient: u32, name: string, want_reply: bool, rest: rest }
    /// SSH_MSG_CHANNEL_SUCCESS
    99 ChannelSuccess Connection Both { recipient: u32 }
    /// SSH_MSG_CHANNEL_FAILURE
    100 ChannelFailure Connection Both { recipient: u32 }
    // OpenSSH PROTOCOL section 1.9
    /// SSH2_MSG_PING
    192 Ping Service Both { data: string }
    /// SSH2_MSG_PONG
    193 Pong Service Both { data: string }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_writes_what_it_reads() {
        let mut out = [0; 128];
        let mut w = Writer::new(&mut out);
        ChannelOpen::new(b"session", 1, 2, 3, b"").write(&mut w);
        let written = w.written();
        assert_eq!(written.first(), Some(&ChannelOpen::NUMBER));
        let read = ChannelOpen::read(written.get(1..).unwrap_or_default()).map(|m| (m.kind, m.sender, m.window));
        assert_eq!(read, Ok((&b"session"[..], 1, 2)));
    }

    #[test]
    fn trailing_bytes_are_refused() {
        assert!(ChannelEof::read(&[0, 0, 0, 1, 0]).is_err());
        assert!(NewKeys::read(&[0]).is_err());
        assert!(UserauthSuccess::read(&[]).is_ok());
    }
}
