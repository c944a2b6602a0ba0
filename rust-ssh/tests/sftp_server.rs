//! The SFTP client against OpenSSH's sftp-server over pipes, where that is installed.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use rust_ssh::sftp::{
    Attrs, Client, Extension, File, FileId, Listed, Memory, Op, Readable, Reply, Request, SftpError, Statvfs, Ticket,
    flags, status,
};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const SERVERS: [&str; 3] =
    ["/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server"];

struct Server {
    child: Child,
    stdin: ChildStdin,
    incoming: Receiver<Vec<u8>>,
    pending: Vec<u8>,
    /// Bytes given to the client at a time.
    piece: usize,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn leak<T: Clone>(value: &T, n: usize) -> &'static mut [T] {
    Box::leak(vec![value.clone(); n].into_boxed_slice())
}

fn start(name: &str, piece: usize, output: usize) -> Option<(Server, Client<'static>)> {
    let server = SERVERS.iter().find(|path| Path::new(path).exists());
    let Some(server) = server else {
        eprintln!("no sftp-server here: not tested");
        return None;
    };
    let folder = std::env::temp_dir().join(format!("rust-ssh-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut child =
        Command::new(server).current_dir(&folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let stdin = child.stdin.take().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (sender, incoming) = channel();
    std::thread::spawn(move || {
        let mut buf = vec![0; 1 << 16];
        while let Ok(n) = stdout.read(&mut buf) {
            if n == 0 || sender.send(buf[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    let mut server = Server { child, stdin, incoming, pending: Vec::new(), piece, folder };
    let files: Vec<File<'static>> = (0..6).map(|_| File::new()).collect();
    let memory = Memory {
        output: leak(&0u8, output),
        reply: leak(&0u8, 4096),
        requests: leak(&Request::FREE, 32),
        files: Box::leak(files.into_boxed_slice()),
    };
    let mut client = Client::new(memory).unwrap();
    server.wait(&mut client, Ticket::VERSION).unwrap();
    assert!(matches!(server.run(&mut client, &Op::Extended(Extension::Limits)), Ok(Answer::Bytes(_))));
    Some((server, client))
}

impl Server {
    fn send(&mut self, client: &mut Client<'_>) {
        loop {
            let out = client.output();
            if out.is_empty() {
                return;
            }
            self.stdin.write_all(out).unwrap();
            let n = out.len();
            client.sent(n);
        }
    }

    /// The answer may be here already: then asking for output frees the file, and nothing more comes.
    fn until_free(&mut self, client: &mut Client<'_>, files: &[FileId]) {
        loop {
            self.send(client);
            if files.iter().all(|file| client.is_free(*file)) {
                return;
            }
            self.pump(client);
        }
    }

    /// Send all, then take in one piece of what comes.
    fn pump(&mut self, client: &mut Client<'_>) {
        self.send(client);
        if self.pending.is_empty() {
            self.pending = self.incoming.recv_timeout(Duration::from_secs(30)).expect("the server is silent");
        }
        let piece = self.pending.len().min(self.piece);
        let n = client.feed(&self.pending[..piece]).unwrap();
        self.pending.drain(..n);
    }

    /// Wait for an answer; names come back as a string.
    fn wait(&mut self, client: &mut Client<'_>, ticket: Ticket) -> Result<Answer, SftpError> {
        loop {
            match client.take(ticket)? {
                None => self.pump(client),
                Some(Reply::Ok) => return Ok(Answer::Ok),
                Some(Reply::File(file)) => return Ok(Answer::File(file)),
                Some(Reply::Attrs(attrs)) => return Ok(Answer::Attrs(attrs)),
                Some(Reply::Name(name)) => return Ok(Answer::Name(String::from_utf8(name.to_vec()).unwrap())),
                Some(Reply::Extended(body)) => return Ok(Answer::Bytes(body.to_vec())),
                Some(Reply::Version(extensions)) => {
                    return Ok(Answer::Extensions(
                        extensions.map(|(name, _)| String::from_utf8(name.to_vec()).unwrap()).collect(),
                    ));
                }
            }
        }
    }

    fn run(&mut self, client: &mut Client<'_>, op: &Op<'_>) -> Result<Answer, SftpError> {
        let ticket = client.start(op)?.unwrap();
        self.wait(client, ticket)
    }

    fn open(&mut self, client: &mut Client<'static>, path: &str, how: u32, buf: usize) -> FileId {
        let (ticket, file) = client.open(path.as_bytes(), how, 0o644, leak(&0u8, buf + 256)).unwrap().unwrap();
        let Answer::File(opened) = self.wait(client, ticket).unwrap() else { panic!() };
        assert_eq!(opened, file);
        file
    }

    fn read(&mut self, client: &mut Client<'_>, file: FileId, most: usize) -> Vec<u8> {
        let mut data = Vec::new();
        while data.len() < most {
            match client.readable(file).unwrap() {
                Readable::Data(bytes) => {
                    let n = bytes.len().min(most - data.len());
                    data.extend_from_slice(&bytes[..n]);
                    client.consume(file, n);
                }
                Readable::End => break,
                Readable::Wait => self.pump(client),
            }
        }
        data
    }

    fn write(&mut self, client: &mut Client<'_>, file: FileId, mut data: &[u8]) {
        while !data.is_empty() {
            let n = client.write(file, data).unwrap();
            data = &data[n..];
            if n == 0 {
                self.pump(client);
            }
        }
    }

    fn close(&mut self, client: &mut Client<'_>, file: FileId) -> Result<(), SftpError> {
        while !client.close(file)? {
            self.pump(client);
        }
        assert!(client.is_free(file));
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
enum Answer {
    Ok,
    File(FileId),
    Attrs(Attrs),
    Name(String),
    Extensions(Vec<String>),
    Bytes(Vec<u8>),
}

fn code(result: Result<Answer, SftpError>) -> u32 {
    match result {
        Err(SftpError::Status(status)) => status.code,
        other => panic!("{other:?}"),
    }
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state.to_le_bytes()[0]
        })
        .collect()
}

#[test]
fn whole_files_of_every_awkward_size() {
    for (piece, output, buffer) in
        [(1 << 16, 70_000, 1 << 18), (1, 2000, 3000), (7, 600, 512), (4096, 1 << 19, 1 << 20), (1000, 8192, 65_536)]
    {
        let Some((mut server, mut client)) = start(&format!("sizes{piece}"), piece, output) else { return };
        let sizes: &[usize] =
            if piece < 10 { &[0, 1, 511, 5000] } else { &[0, 1, 8191, 8192, 32_768, 262_144, 3_000_001] };
        for size in sizes {
            let data = noise(*size);
            let file = server.open(&mut client, "f", flags::WRITE | flags::CREAT | flags::TRUNC, 1);
            server.write(&mut client, file, &data);
            server.close(&mut client, file).unwrap();
            assert_eq!(std::fs::read(server.folder.join("f")).unwrap(), data);
            for hint in [None, Some(*size as u64), Some(0), Some(*size as u64 / 2), Some(1 << 40)] {
                let file = server.open(&mut client, "f", flags::READ, buffer);
                if let Some(hint) = hint {
                    client.expect_size(file, hint);
                }
                assert!(server.read(&mut client, file, usize::MAX) == data, "{size} {hint:?}");
                assert_eq!(client.position(file), *size as u64);
                // Still at the end, and asked again.
                assert_eq!(server.read(&mut client, file, 10), b"");
                server.close(&mut client, file).unwrap();
            }
        }
    }
}

#[test]
fn seeks_and_mixed_reads_and_writes() {
    let Some((mut server, mut client)) = start("seek", 5000, 9000) else { return };
    let mut model = noise(200_000);
    std::fs::write(server.folder.join("f"), &model).unwrap();
    let file = server.open(&mut client, "f", flags::READ | flags::WRITE, 16_384);
    let mut state = 1u32;
    for round in 0..400 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let pos = if round % 3 == 0 {
            (client.position(file) as usize + (state >> 20) as usize).min(model.len())
        } else {
            (state as usize >> 8) % model.len()
        };
        let len = (state as usize & 0xfff).min(model.len() - pos);
        client.seek(file, pos as u64);
        if state & 0x1000 == 0 {
            let data: Vec<u8> = noise(len).iter().map(|b| b ^ round as u8).collect();
            server.write(&mut client, file, &data);
            model[pos..pos + len].copy_from_slice(&data);
        } else {
            assert!(server.read(&mut client, file, len) == model[pos..pos + len], "round {round}");
        }
    }
    server.close(&mut client, file).unwrap();
    assert_eq!(std::fs::read(server.folder.join("f")).unwrap(), model);
}

#[test]
fn offsets_past_4_gib() {
    let Some((mut server, mut client)) = start("large", 5000, 9000) else { return };
    let file = server.open(&mut client, "f", flags::READ | flags::WRITE | flags::CREAT, 16_384);
    let far = (5u64 << 32) + 17;
    client.seek(file, far);
    server.write(&mut client, file, b"over there");
    let ticket = client.start(&Op::Fstat { file }).unwrap().unwrap();
    let Answer::Attrs(attrs) = server.wait(&mut client, ticket).unwrap() else { panic!() };
    assert_eq!(attrs.size, far + 10);
    client.seek(file, far - 3);
    assert_eq!(server.read(&mut client, file, 100), b"\0\0\0over there");
    server.close(&mut client, file).unwrap();
}

#[test]
fn many_files_at_once_and_abandoned_calls() {
    let Some((mut server, mut client)) = start("many", 3000, 9000) else { return };
    let names = ["a", "b", "c", "d"];
    for name in names {
        std::fs::write(server.folder.join(name), noise(100_000 + usize::from(name.as_bytes()[0]))).unwrap();
    }
    let files = names.map(|name| server.open(&mut client, name, flags::READ, 20_000));
    let mut contents = names.map(|_| Vec::new());
    loop {
        let before: usize = contents.iter().map(Vec::len).sum();
        for (content, file) in contents.iter_mut().zip(files) {
            // Calls that their callers give up, one of which opens a file.
            if let Some(ticket) = client.start(&Op::Stat { path: b"a" }).unwrap() {
                client.abandon(ticket);
            }
            let buf = leak(&0u8, 1000);
            match client.open(b"b", flags::READ, 0, buf) {
                Ok(Some((ticket, _))) => client.abandon(ticket),
                Ok(None) | Err(SftpError::NoSlot) => {}
                Err(err) => panic!("{err:?}"),
            }
            content.extend(server.read(&mut client, file, 7777));
        }
        if before == contents.iter().map(Vec::len).sum() {
            break;
        }
    }
    for (content, name) in contents.iter().zip(names) {
        assert!(*content == std::fs::read(server.folder.join(name)).unwrap());
    }
    // One closed in the middle of its read-ahead, one dropped.
    client.seek(files[0], 0);
    client.seek(files[1], 0);
    server.read(&mut client, files[0], 1);
    server.read(&mut client, files[1], 1);
    client.drop_file(files[1]);
    for file in [files[0], files[2], files[3]] {
        server.close(&mut client, file).unwrap();
    }
    server.until_free(&mut client, &[0, 1, 2, 3, 4, 5].map(FileId));
    assert_eq!(server.run(&mut client, &Op::Realpath { path: b"/tmp/.." }).unwrap(), Answer::Name("/".into()));
}

#[test]
fn listings() {
    for (piece, buf) in [(1, 900), (1000, 20_000), (1 << 16, 1 << 16)] {
        let Some((mut server, mut client)) = start(&format!("list{piece}"), piece, 2000) else { return };
        let names: Vec<String> = (0..250).map(|i| format!("{i}{}", "x".repeat(i % 250))).collect();
        for name in &names {
            std::fs::write(server.folder.join(name), name).unwrap();
        }
        let (ticket, dir) = client.open_dir(b".", leak(&0u8, 256 + buf)).unwrap().unwrap();
        server.wait(&mut client, ticket).unwrap();
        let mut found = Vec::new();
        loop {
            match client.next_entry(dir).unwrap() {
                Listed::Entry(entry) => {
                    found.push((String::from_utf8(entry.name.to_vec()).unwrap(), entry.attrs.size));
                }
                Listed::End => break,
                Listed::Wait => server.pump(&mut client),
            }
        }
        found.retain(|(name, _)| name != "." && name != "..");
        found.sort();
        let mut expected: Vec<(String, u64)> = names.iter().map(|name| (name.clone(), name.len() as u64)).collect();
        expected.sort();
        assert_eq!(found, expected);
        server.close(&mut client, dir).unwrap();
    }
}

#[test]
fn a_listing_that_nobody_reads_can_grow_or_be_given_up() {
    for grow in [true, false] {
        let Some((mut server, mut client)) = start(&format!("stuck{grow}"), 1000, 2000) else { return };
        for i in 0..90 {
            std::fs::write(server.folder.join(format!("{i}{}", "x".repeat(200))), "").unwrap();
        }
        let (ticket, dir) = client.open_dir(b".", leak(&0u8, 256 + 1000)).unwrap().unwrap();
        server.wait(&mut client, ticket).unwrap();
        let mut found = 0;
        while found == 0 {
            match client.next_entry(dir).unwrap() {
                Listed::Entry(_) => found += 1,
                Listed::Wait => server.pump(&mut client),
                Listed::End => panic!(),
            }
        }
        let ticket = client.start(&Op::Stat { path: b"." }).unwrap().unwrap();
        let mut stuck = 0;
        let answer = loop {
            if let Some(reply) = client.take(ticket).unwrap() {
                break matches!(reply, Reply::Attrs(_));
            }
            if let Some((file, size)) = client.stuck() {
                assert_eq!(file, dir);
                stuck += 1;
                if grow { client.regrow(file, leak(&0u8, size)) } else { client.drop_entries(file) }
            }
            server.pump(&mut client);
        };
        assert!(answer && stuck == 1);
        loop {
            match client.next_entry(dir).unwrap() {
                Listed::Entry(_) => found += 1,
                Listed::Wait => server.pump(&mut client),
                Listed::End => break,
            }
        }
        assert_eq!(found, if grow { 92 } else { 1 });
        server.close(&mut client, dir).unwrap();
    }
}

#[test]
fn every_other_request() {
    let Some((mut server, mut client)) = start("ops", 100, 2000) else { return };
    let c = &mut client;
    let attrs = Attrs::with_mode(0o750);
    assert_eq!(server.run(c, &Op::Mkdir { path: b"dir", attrs }).unwrap(), Answer::Ok);
    assert_eq!(code(server.run(c, &Op::Mkdir { path: b"dir", attrs })), status::FAILURE);
    assert_eq!(code(server.run(c, &Op::Stat { path: b"none" })), status::NO_SUCH_FILE);
    std::fs::write(server.folder.join("dir/it's a \"file\""), "12345").unwrap();
    let path = b"dir/it's a \"file\"";
    let wanted =
        Attrs { flags: Attrs::MODE | Attrs::TIMES | Attrs::SIZE, size: 3, mode: 0o604, atime: 5, mtime: 6, ..attrs };
    assert_eq!(server.run(c, &Op::Setstat { path, attrs: wanted }).unwrap(), Answer::Ok);
    let Answer::Attrs(got) = server.run(c, &Op::Stat { path }).unwrap() else { panic!() };
    assert_eq!((got.size, got.mode, got.atime, got.mtime), (3, 0o100_604, 5, 6));
    assert_eq!(server.run(c, &Op::Symlink { target: b"there", link: b"link" }).unwrap(), Answer::Ok);
    assert_eq!(std::fs::read_link(server.folder.join("link")).unwrap(), Path::new("there"));
    assert_eq!(server.run(c, &Op::Readlink { path: b"link" }).unwrap(), Answer::Name("there".into()));
    let Answer::Attrs(got) = server.run(c, &Op::Lstat { path: b"link" }).unwrap() else { panic!() };
    assert_eq!(got.mode & 0o170_000, 0o120_000);
    assert_eq!(server.run(c, &Op::Rename { old: path, new: b"b" }).unwrap(), Answer::Ok);
    std::fs::write(server.folder.join("c"), "").unwrap();
    assert_eq!(code(server.run(c, &Op::Rename { old: b"b", new: b"c" })), status::FAILURE);
    assert_eq!(server.run(c, &Op::Extended(Extension::PosixRename { old: b"b", new: b"c" })).unwrap(), Answer::Ok);
    assert_eq!(std::fs::read(server.folder.join("c")).unwrap(), b"123");
    assert_eq!(server.run(c, &Op::Remove { path: b"c" }).unwrap(), Answer::Ok);
    assert_eq!(server.run(c, &Op::Rmdir { path: b"dir" }).unwrap(), Answer::Ok);
    assert!(matches!(c.start(&Op::Remove { path: b"a\0b" }), Err(SftpError::Misuse)));
    assert!(matches!(c.start(&Op::Remove { path: &[b'x'; 4000] }), Err(SftpError::TooLong)));
}

#[test]
fn extensions() {
    let Some((mut server, mut client)) = start("extensions", 100, 2000) else { return };
    let c = &mut client;
    std::fs::write(server.folder.join("a"), "0123456789").unwrap();
    let run = |server: &mut Server, c: &mut Client<'_>, what| server.run(c, &Op::Extended(what));
    assert_eq!(run(&mut server, c, Extension::Hardlink { old: b"a", new: b"b" }).unwrap(), Answer::Ok);
    assert_eq!(std::fs::read(server.folder.join("b")).unwrap(), b"0123456789");
    assert_ne!(code(run(&mut server, c, Extension::Hardlink { old: b"none", new: b"d" })), status::OK);

    let Answer::Bytes(body) = run(&mut server, c, Extension::Statvfs { path: b"." }).unwrap() else { panic!() };
    let fields = Statvfs::parse(&body).unwrap().fields;
    assert!(fields[0] > 0 && fields[2] >= fields[3] && fields[10] >= 255, "{fields:?}");
    for cut in 0..body.len() {
        assert!(Statvfs::parse(&body[..cut]).is_err());
    }
    // The engine's own limits are not what came for somebody else.
    assert!(c.limits().read >= 32768);

    std::os::unix::fs::symlink("none", server.folder.join("link")).unwrap();
    let attrs = Attrs { flags: Attrs::TIMES, atime: 5, mtime: 6, ..Attrs::default() };
    assert_eq!(run(&mut server, c, Extension::Lsetstat { path: b"link", attrs }).unwrap(), Answer::Ok);
    let Answer::Attrs(got) = server.run(c, &Op::Lstat { path: b"link" }).unwrap() else { panic!() };
    assert_eq!((got.atime, got.mtime), (5, 6));
    // Which folder "~" is depends on the server's version; it is a whole path in any case.
    let home = run(&mut server, c, Extension::ExpandPath { path: b"~/x" }).unwrap();
    assert!(matches!(home, Answer::Name(name) if name.starts_with('/') && name.ends_with("/x") && !name.contains('~')));
    assert!(matches!(c.start(&Op::Extended(Extension::Statvfs { path: b"a\0b" })), Err(SftpError::Misuse)));

    let from = server.open(&mut client, "a", flags::READ, 2000);
    let to = server.open(&mut client, "copy", flags::WRITE | flags::CREAT, 2000);
    let copy = Extension::CopyData { from, offset: 2, len: 5, to, to_offset: 1 };
    assert_eq!(run(&mut server, &mut client, copy).unwrap(), Answer::Ok);
    assert_eq!(run(&mut server, &mut client, Extension::Fsync { file: to }).unwrap(), Answer::Ok);
    assert_eq!(std::fs::read(server.folder.join("copy")).unwrap(), b"\x0023456");
    server.close(&mut client, from).unwrap();
    assert!(matches!(client.start(&Op::Extended(copy)), Err(SftpError::Misuse)));
    assert!(matches!(client.start(&Op::Extended(Extension::Fsync { file: from })), Err(SftpError::Misuse)));
    server.close(&mut client, to).unwrap();
}

#[test]
fn refused_writes_and_reads_are_told() {
    let Some((mut server, mut client)) = start("refused", 100, 2000) else { return };
    std::fs::write(server.folder.join("f"), "x").unwrap();
    let file = server.open(&mut client, "f", flags::READ, 2000);
    assert_eq!(client.write(file, b"abc").unwrap(), 3);
    let failed = loop {
        match client.flush(file) {
            Ok(false) => server.pump(&mut client),
            other => break other,
        }
    };
    assert!(matches!(failed, Err(SftpError::Status(_))));
    // Told once, and by close() when nobody asks before.
    assert!(client.flush(file).unwrap());
    assert_eq!(client.write(file, b"abc").unwrap(), 3);
    assert!(matches!(server.close(&mut client, file), Err(SftpError::Status(_))));
    assert!(client.is_free(file));

    let file = server.open(&mut client, "f", flags::WRITE, 2000);
    let failed = loop {
        match client.readable(file) {
            Ok(Readable::Wait) => server.pump(&mut client),
            other => break other.is_err(),
        }
    };
    assert!(failed);
    server.close(&mut client, file).unwrap();
    let (ticket, file) = client.open(b"none", flags::READ, 0, leak(&0u8, 999)).unwrap().unwrap();
    assert_eq!(code(server.wait(&mut client, ticket)), status::NO_SUCH_FILE);
    assert!(client.is_free(file));
}

#[test]
fn a_file_that_was_let_go_of_leaves_a_write_alone() {
    let Some((mut server, mut client)) = start("let-go", 100, 2000) else { return };
    let dropped = server.open(&mut client, "a", flags::WRITE | flags::CREAT, 2000);
    let file = server.open(&mut client, "b", flags::WRITE | flags::CREAT, 2000);
    client.drop_file(dropped);
    // Between asking for space and filling it, what is queued is sent.
    client.write_space(file).unwrap().unwrap()[..3].copy_from_slice(b"abc");
    server.send(&mut client);
    client.wrote(file, 3);
    assert_eq!(client.position(file), 3);
    server.close(&mut client, file).unwrap();
    assert_eq!(std::fs::read(server.folder.join("b")).unwrap(), b"abc");
    server.until_free(&mut client, &[dropped]);
}
