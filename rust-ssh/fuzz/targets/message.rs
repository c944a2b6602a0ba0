//! Every message of the table: what is read and written again is the same bytes. And what is in the questions of
//! servers and the answers of agents.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_ssh::agent::{self, Keys};
use rust_ssh::auth::prompts::Prompts;
use rust_ssh::msg;
use rust_ssh::text;
use rust_ssh::wire::Writer;

macro_rules! read_all {
    ($number:expr, $body:expr, $out:expr, $($name:ident)*) => {
        match $number {
            $(msg::$name::NUMBER => msg::$name::read($body).ok().map(|message| {
                let mut w = Writer::new($out);
                message.write(&mut w);
                w.written().len()
            }),)*
            _ => None,
        }
    };
}

fuzz_target!(|bytes: &[u8]| {
    let Some((number, body)) = bytes.split_first() else { return };
    let mut out = vec![0; bytes.len() + 16];
    let written = read_all!(*number, body, &mut out,
        Disconnect Ignore Unimplemented Debug ServiceRequest ServiceAccept ExtInfo KexInit NewKeys KexEcdhInit
        KexEcdhReply UserauthRequest UserauthFailure UserauthSuccess UserauthBanner UserauthMethod60
        UserauthMethod61 GlobalRequest RequestSuccess RequestFailure ChannelOpen ChannelOpenConfirmation
        ChannelOpenFailure ChannelWindowAdjust ChannelData ChannelExtendedData ChannelEof ChannelClose
        ChannelRequest ChannelSuccess ChannelFailure);
    if let Some(len) = written {
        assert_eq!(len, bytes.len());
        // A boolean may be any number but 0 (RFC 4251 section 5) and is written as 1.
        let same = out.iter().zip(bytes).all(|(ours, theirs)| ours == theirs || (*ours == 1 && *theirs > 1));
        assert!(same);
    }
    let _ = msg::lookup(*number);
    // What an agent says, and what a server asks: every part of what is taken can be had.
    if let Ok(keys) = Keys::read(bytes) {
        let left = keys.left();
        assert_eq!(keys.into_iter().count(), usize::try_from(left).unwrap());
    }
    let _ = agent::signature(bytes);
    if let Ok(prompts) = Prompts::read(body) {
        assert!((0..prompts.count).all(|index| prompts.get(index).is_some()));
        let _ = prompts.fits(bytes);
    }
    let mut shown = vec![0; bytes.len()];
    let len = text::printable(bytes, &mut shown);
    assert!(str::from_utf8(&shown[..len]).is_ok());
});
