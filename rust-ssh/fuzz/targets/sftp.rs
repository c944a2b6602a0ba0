//! The SFTP client: a server that answers what it likes, while the program goes on with its own operations.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rust_ssh::sftp::{
    Attrs, Client, Extension, File, FileId, Listed, Memory, Op, Readable, Request, SftpError, Statvfs, Ticket, flags,
};

/// The next `n` bytes, or what is left.
fn take<'a>(bytes: &mut &'a [u8], n: usize) -> &'a [u8] {
    let (head, rest) = bytes.split_at(n.min(bytes.len()));
    *bytes = rest;
    head
}

/// The requests that have left the client: type and id, as the server would see them.
#[derive(Default)]
struct Wire {
    bytes: Vec<u8>,
    ids: Vec<[u8; 4]>,
}

impl Wire {
    fn pump(&mut self, client: &mut Client<'_>) {
        loop {
            let out = client.output();
            if out.is_empty() {
                break;
            }
            let n = out.len();
            self.bytes.extend_from_slice(out);
            client.sent(n);
        }
        // Every packet that leaves is whole, whatever came in.
        let mut rest = &self.bytes[..];
        while let Some((length, more)) = rest.split_first_chunk::<4>() {
            let Some((packet, more)) = more.split_at_checked(u32::from_be_bytes(*length) as usize) else { break };
            self.ids.push(packet[1..5].try_into().expect("a type and an id"));
            rest = more;
        }
        self.bytes = rest.to_vec();
    }

    /// An answer to one of the requests that wait, or to none.
    fn answer(&mut self, kind: u8, which: u8, body: &[u8]) -> Vec<u8> {
        let id = match usize::from(which).checked_rem(self.ids.len()) {
            Some(index) => self.ids.remove(index),
            None => [0, 0, 0, which],
        };
        let mut packet = (5 + body.len() as u32).to_be_bytes().to_vec();
        packet.push(kind);
        packet.extend_from_slice(&id);
        packet.extend_from_slice(body);
        packet
    }
}

/// The program's side.
struct Program<'a> {
    buffers: std::slice::ChunksMut<'a, u8>,
    ticket: Option<Ticket>,
}

impl<'a> Program<'a> {
    fn open(&mut self, client: &mut Client<'a>, dir: bool) {
        let Some(buffer) = self.buffers.next() else { return };
        let opened = match dir {
            true => client.open_dir(b"d", buffer),
            false => client.open(b"f", flags::READ | flags::WRITE, 0o600, buffer),
        };
        self.ticket = opened.ok().flatten().map(|(ticket, _)| ticket).or(self.ticket);
    }

    fn start(&mut self, client: &mut Client<'a>, which: u8, file: FileId) {
        let path = b"path".as_slice();
        let op = match which % 9 {
            0 => Op::Stat { path },
            1 => Op::Realpath { path },
            2 => Op::Fstat { file },
            3 => Op::Mkdir { path, attrs: Attrs::with_mode(0o700) },
            4 => Op::Extended(Extension::Limits),
            5 => Op::Extended(Extension::Statvfs { path }),
            6 => Op::Extended(Extension::ExpandPath { path }),
            7 => Op::Extended(Extension::Fsync { file }),
            _ => Op::Extended(Extension::CopyData { from: file, offset: 1, len: 2, to: FileId(0), to_offset: 3 }),
        };
        self.ticket = client.start(&op).ok().flatten().or(self.ticket);
    }

    fn step(&mut self, client: &mut Client<'a>, op: u8, value: u8) -> Result<(), SftpError> {
        let file = FileId(u16::from(value % 4));
        match op % 12 {
            0 => self.open(client, value % 2 == 0),
            1 => self.start(client, value, file),
            2 => {
                if let Some(ticket) = self.ticket
                    && let Some(rust_ssh::sftp::Reply::Extended(body)) = client.take(ticket)?
                {
                    let _ = Statvfs::parse(body);
                }
            }
            3 => {
                if let Readable::Data(data) = client.readable(file)? {
                    let n = data.len();
                    client.consume(file, n.min(usize::from(value)));
                }
            }
            4 => {
                // As the driver does it: what is queued leaves between the two.
                let Some(space) = client.write_space(file)?.map(|space| space.len()) else { return Ok(()) };
                let before = client.position(file);
                drop(client.output());
                let n = space.min(usize::from(value));
                client.wrote(file, n);
                assert_eq!(client.position(file), before.saturating_add(n as u64), "what is written counts");
            }
            5 => drop(client.flush(file)?),
            6 => drop(client.close(file)?),
            7 => client.drop_file(file),
            8 => {
                if let Listed::Entry(entry) = client.next_entry(file)? {
                    assert!(!entry.name.contains(&b'/') && !entry.name.is_empty());
                }
            }
            9 => client.seek(file, u64::from(value) << (value % 60)),
            10 => client.expect_size(file, u64::from(value) << (value % 50)),
            _ => {
                if let Some(ticket) = self.ticket.take() {
                    client.abandon(ticket);
                }
            }
        }
        if let Some((dir, _)) = client.stuck() {
            client.drop_entries(dir);
        }
        Ok(())
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut bytes = bytes;
    let (mut output, mut reply, mut space) = (vec![0; 1024], vec![0; 300], vec![0; 6 * 700]);
    let mut requests = [Request::FREE; 8];
    let mut files: [File<'_>; 4] = std::array::from_fn(|_| File::new());
    let memory = Memory { output: &mut output, reply: &mut reply, requests: &mut requests, files: &mut files };
    let mut client = Client::new(memory).expect("memory enough");
    let mut program = Program { buffers: space.chunks_mut(700), ticket: Some(Ticket::VERSION) };
    let mut wire = Wire::default();
    wire.pump(&mut client);
    wire.ids.clear();
    if client.feed(&[0, 0, 0, 5, 2, 0, 0, 0, 3]).is_err() || client.take(Ticket::VERSION).is_err() {
        panic!("a good server");
    }
    while let [op, value, ..] = *bytes {
        bytes = &bytes[2..];
        if op < 128 {
            if let Err(SftpError::Fault(fault)) = program.step(&mut client, op, value) {
                assert!(matches!(client.feed(b"x"), Err(SftpError::Fault(again)) if again == fault));
                return;
            }
        } else {
            let body = take(&mut bytes, usize::from(value % 64));
            // Mostly answers to what was asked, of any type; sometimes raw bytes.
            let kind = [101, 102, 103, 104, 105, 201][usize::from(op % 6)];
            let packet = if op < 250 { wire.answer(kind, value, body) } else { body.to_vec() };
            if matches!(client.feed(&packet), Err(SftpError::Fault(_))) {
                return;
            }
        }
        wire.pump(&mut client);
    }
});
