//! The SFTP client against a scripted server that answers in any order, and wrongly on purpose.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::expect_used)]

use rust_ssh::sftp::{
    Client, Extension, Fault, File, FileId, Listed, Memory, Op, Readable, Reply, Request, SftpError, Ticket, flags,
};

const OPEN: u8 = 3;
const CLOSE: u8 = 4;
const READ: u8 = 5;
const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;
const ATTRS: u8 = 105;

fn leak<T: Clone>(value: &T, n: usize) -> &'static mut [T] {
    Box::leak(vec![value.clone(); n].into_boxed_slice())
}

/// A client that has got nothing yet.
fn fresh() -> Client<'static> {
    let files: Vec<File<'static>> = (0..3).map(|_| File::new()).collect();
    Client::new(Memory {
        output: leak(&0u8, 3000),
        reply: leak(&0u8, 600),
        requests: leak(&Request::FREE, 12),
        files: Box::leak(files.into_boxed_slice()),
    })
    .unwrap()
}

fn packet(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
    let body = fields.concat();
    let mut out = u32::try_from(body.len() + 1).unwrap().to_be_bytes().to_vec();
    out.push(kind);
    out.extend(body);
    out
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

fn status(id: u32, code: u32) -> Vec<u8> {
    packet(STATUS, &[&id.to_be_bytes(), &code.to_be_bytes(), &string(b"text"), &string(b"")])
}

fn data(id: u32, bytes: &[u8]) -> Vec<u8> {
    packet(DATA, &[&id.to_be_bytes(), &string(bytes)])
}

fn ready() -> Client<'static> {
    let mut client = fresh();
    requests(&mut client);
    client.feed(&packet(2, &[&3u32.to_be_bytes()])).unwrap();
    assert!(matches!(client.take(Ticket::VERSION), Ok(Some(Reply::Version(_)))));
    client
}

/// Everything the client sends: type, id and the rest of each packet.
fn requests(client: &mut Client<'_>) -> Vec<(u8, u32, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        let out = client.output();
        if out.is_empty() {
            break;
        }
        // A few at a time, as a slow stream would.
        let n = out.len().min(7);
        bytes.extend_from_slice(&out[..n]);
        client.sent(n);
    }
    let mut found = Vec::new();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        let len = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        let body = &rest[4..4 + len];
        found.push((body[0], u32::from_be_bytes(body[1..5].try_into().unwrap()), body[5..].to_vec()));
        rest = &rest[4 + len..];
    }
    found
}

fn one(client: &mut Client<'_>, kind: u8) -> u32 {
    let mut sent = requests(client);
    let (sent_kind, id, _) = sent.pop().unwrap();
    assert!(sent.is_empty() && sent_kind == kind, "{sent_kind} {sent:?}");
    id
}

fn opened(client: &mut Client<'static>, buffer: usize) -> FileId {
    let (ticket, file) = client.open(b"f", flags::READ | flags::WRITE, 0, leak(&0u8, 256 + buffer)).unwrap().unwrap();
    let id = one(client, OPEN);
    client.feed(&packet(HANDLE, &[&id.to_be_bytes(), &string(b"h")])).unwrap();
    assert!(matches!(client.take(ticket), Ok(Some(Reply::File(_)))));
    file
}

fn fault(client: &mut Client<'_>, bytes: &[u8]) -> Fault {
    let Err(SftpError::Fault(fault)) = client.feed(bytes) else { panic!("{bytes:?} was taken") };
    // Dead, and says the same again.
    assert!(matches!(client.feed(b"x"), Err(SftpError::Fault(again)) if again == fault));
    assert!(matches!(client.start(&Op::Extended(Extension::Limits)), Err(SftpError::Fault(again)) if again == fault));
    fault
}

fn read_request(rest: &[u8]) -> (u64, u32) {
    let tail = &rest[rest.len() - 12..];
    (u64::from_be_bytes(tail[..8].try_into().unwrap()), u32::from_be_bytes(tail[8..].try_into().unwrap()))
}

#[test]
fn answers_in_any_order_and_of_any_length() {
    let content: Vec<u8> = (0..50_000u32).map(|i| (i * 7 + i / 256) as u8).collect();
    for seed in 1..60u32 {
        let mut client = ready();
        let file = opened(&mut client, 9000);
        if seed % 3 == 0 {
            client.expect_size(file, content.len() as u64);
        }
        let mut state = seed;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize
        };
        let (mut waiting, mut got) = (Vec::new(), Vec::new());
        loop {
            match client.readable(file).unwrap() {
                Readable::Data(bytes) => {
                    let n = bytes.len().min(1 + random() % 5000);
                    got.extend_from_slice(&bytes[..n]);
                    client.consume(file, n);
                }
                Readable::End => break,
                Readable::Wait => {
                    waiting.extend(requests(&mut client));
                    let (kind, id, rest) = waiting.swap_remove(random() % waiting.len());
                    assert_eq!(kind, READ);
                    let (offset, len) = read_request(&rest);
                    let start = usize::try_from(offset).unwrap().min(content.len());
                    let mut end = (start + len as usize).min(content.len());
                    if random() % 4 == 0 && end > start {
                        end = start + 1 + random() % (end - start);
                    }
                    let answer = if start == end { status(id, 1) } else { data(id, &content[start..end]) };
                    let cut = random() % answer.len();
                    client.feed(&answer[..cut]).unwrap();
                    client.feed(&answer[cut..]).unwrap();
                }
            }
        }
        assert!(got == content, "seed {seed}");
    }
}

#[test]
fn seeking_away_drops_what_comes_late() {
    let mut client = ready();
    let file = opened(&mut client, 9000);
    client.expect_size(file, 1 << 40);
    assert!(matches!(client.readable(file), Ok(Readable::Wait)));
    let late = requests(&mut client);
    assert_eq!(late.len(), 2);
    // One answer is cut in the middle by the seek.
    let (_, len) = read_request(&late[0].2);
    let answer = data(late[0].1, &vec![1; len as usize]);
    client.feed(&answer[..100]).unwrap();
    client.seek(file, 1 << 33);
    assert!(matches!(client.readable(file), Ok(Readable::Wait)));
    let now = requests(&mut client);
    assert_eq!(read_request(&now[0].2).0, 1 << 33);
    client.feed(&answer[100..]).unwrap();
    client.feed(&data(late[1].1, &[2; 10])).unwrap();
    client.feed(&data(now[0].1, &[3; 10])).unwrap();
    let Ok(Readable::Data(bytes)) = client.readable(file) else { panic!() };
    assert_eq!(bytes, [3; 10]);
    // The late ones were answered: once more is too often.
    assert_eq!(fault(&mut client, &data(late[1].1, b"x")), Fault::UnknownId);
}

#[test]
fn a_late_handle_is_closed() {
    let mut client = ready();
    let (ticket, file) = client.open(b"f", flags::READ, 0, leak(&0u8, 300)).unwrap().unwrap();
    let id = one(&mut client, OPEN);
    client.abandon(ticket);
    assert!(!client.is_free(file));
    client.feed(&packet(HANDLE, &[&id.to_be_bytes(), &string(b"late")])).unwrap();
    assert!(matches!(client.take(ticket), Ok(None)));
    let close = one(&mut client, CLOSE);
    client.feed(&status(close, 0)).unwrap();
    assert!(requests(&mut client).is_empty() && client.is_free(file));
    // Abandoned when the answer was there already.
    let (ticket, file) = client.open(b"f", flags::READ, 0, leak(&0u8, 300)).unwrap().unwrap();
    let id = one(&mut client, OPEN);
    client.feed(&packet(HANDLE, &[&id.to_be_bytes(), &string(b"late")])).unwrap();
    client.abandon(ticket);
    let close = one(&mut client, CLOSE);
    client.feed(&status(close, 4)).unwrap();
    assert!(requests(&mut client).is_empty() && client.is_free(file));
}

#[test]
fn wrong_versions() {
    for bytes in [packet(2, &[&2u32.to_be_bytes()]), packet(2, &[&4u32.to_be_bytes()]), status(0, 0)] {
        assert_eq!(fault(&mut fresh(), &bytes), Fault::Version);
    }
    assert_eq!(fault(&mut ready(), &packet(2, &[&3u32.to_be_bytes()])), Fault::Version);
    assert_eq!(fault(&mut fresh(), b"Welcome to"), Fault::Unexpected);
    assert_eq!(fault(&mut fresh(), &packet(2, &[&[0, 0]])), Fault::Length);
}

#[test]
fn wild_lengths_and_types() {
    for len in [0, 1, 4, (1 << 20) + 1, 0x7fff_fffc, u32::MAX] {
        let mut bytes = len.to_be_bytes().to_vec();
        bytes.push(STATUS);
        assert_eq!(fault(&mut ready(), &bytes), Fault::Length, "{len}");
    }
    for kind in (0..=255u8).filter(|kind| !matches!(kind, 2 | 101..=105 | 201)) {
        assert_eq!(fault(&mut ready(), &[0, 0, 0, 9, kind]), Fault::Unexpected, "{kind}");
    }
    for id in [0, 1, 12, 13, u32::MAX] {
        assert_eq!(fault(&mut ready(), &status(id, 0)), Fault::UnknownId);
    }
}

#[test]
fn answers_of_the_wrong_kind() {
    let tail = [0; 12];
    for kind in [2, HANDLE, DATA, NAME, 201] {
        let mut client = ready();
        client.start(&Op::Stat { path: b"x" }).unwrap().unwrap();
        let id = one(&mut client, 17);
        let found = fault(&mut client, &packet(kind, &[&id.to_be_bytes(), &tail]));
        assert_eq!(found, if kind == 2 { Fault::Version } else { Fault::Unexpected });
    }
    // "OK" to a question.
    let mut client = ready();
    let ticket = client.start(&Op::Stat { path: b"x" }).unwrap().unwrap();
    let id = one(&mut client, 17);
    client.feed(&status(id, 0)).unwrap();
    assert!(matches!(client.take(ticket), Err(SftpError::Fault(Fault::Unexpected))));
    // Cut attributes.
    let mut client = ready();
    let ticket = client.start(&Op::Stat { path: b"x" }).unwrap().unwrap();
    let id = one(&mut client, 17);
    client.feed(&packet(ATTRS, &[&id.to_be_bytes(), &[0, 0, 0, 1, 0, 0]])).unwrap();
    assert!(matches!(client.take(ticket), Err(SftpError::Fault(Fault::Message))));
}

#[test]
fn handles() {
    for (len, good) in [(0, false), (1, true), (256, true), (257, false), (5000, false)] {
        let mut client = ready();
        let (ticket, _) = client.open(b"f", flags::READ, 0, leak(&0u8, 1000)).unwrap().unwrap();
        let id = one(&mut client, OPEN);
        let bytes = packet(HANDLE, &[&id.to_be_bytes(), &string(&vec![7; len])]);
        if good {
            client.feed(&bytes).unwrap();
            assert!(matches!(client.take(ticket), Ok(Some(Reply::File(_)))));
        } else {
            assert_eq!(fault(&mut client, &bytes), Fault::Handle);
        }
    }
}

#[test]
fn data_that_was_not_asked_for() {
    let start = || {
        let mut client = ready();
        let file = opened(&mut client, 9000);
        assert!(matches!(client.readable(file), Ok(Readable::Wait)));
        let (_, id, rest) = requests(&mut client).swap_remove(0);
        (client, id, read_request(&rest).1)
    };
    let (mut client, id, len) = start();
    assert_eq!(fault(&mut client, &data(id, &vec![0; len as usize + 1])), Fault::Data);
    for wild in [0x7fff_fffc, u32::MAX] {
        let (mut client, id, _) = start();
        assert_eq!(fault(&mut client, &packet(DATA, &[&id.to_be_bytes(), &u32::to_be_bytes(wild)])), Fault::Data);
    }
    let (mut client, id, _) = start();
    assert_eq!(fault(&mut client, &data(id, b"")), Fault::Data);
    let (mut client, id, _) = start();
    let trailing = packet(DATA, &[&id.to_be_bytes(), &string(b"abc"), b"x"]);
    assert_eq!(fault(&mut client, &trailing), Fault::Message);
    let (mut client, id, _) = start();
    assert_eq!(fault(&mut client, &status(id, 0)), Fault::Unexpected);
    let (mut client, id, _) = start();
    client.feed(&data(id, b"abc")).unwrap();
    assert_eq!(fault(&mut client, &data(id, b"abc")), Fault::UnknownId);
}

fn entry(name: &[u8]) -> Vec<u8> {
    [string(name), string(b"-rw-r--r--"), vec![0; 4]].concat()
}

#[test]
fn listings_that_lie() {
    let cases: [(u32, Vec<u8>, Fault); 8] = [
        (u32::MAX, entry(b"a"), Fault::Message),
        (2, entry(b"a"), Fault::Message),
        (0, entry(b"a"), Fault::Message),
        (1, [entry(b"a"), entry(b"b")].concat(), Fault::Message),
        (1, entry(b"a\0b"), Fault::Name),
        (1, entry(b"../../etc/passwd"), Fault::Name),
        (1, entry(b""), Fault::Name),
        (1, [vec![0xff; 4], vec![0; 40]].concat(), Fault::Message),
    ];
    for (count, body, expected) in cases {
        let mut client = ready();
        let (ticket, dir) = client.open_dir(b"d", leak(&0u8, 700)).unwrap().unwrap();
        let id = one(&mut client, 11);
        client.feed(&packet(HANDLE, &[&id.to_be_bytes(), &string(b"h")])).unwrap();
        client.take(ticket).unwrap();
        assert!(matches!(client.next_entry(dir), Ok(Listed::Wait)));
        let id = one(&mut client, 12);
        let bytes = packet(NAME, &[&id.to_be_bytes(), &count.to_be_bytes(), &body]);
        let result = client.feed(&bytes).map(|_| ()).and_then(|()| {
            loop {
                if !matches!(client.next_entry(dir)?, Listed::Entry(_)) {
                    break Ok(());
                }
            }
        });
        assert!(matches!(result, Err(SftpError::Fault(fault)) if fault == expected), "{body:?} {result:?}");
    }
}

#[test]
fn names_that_lie() {
    for (count, name, good) in
        [(1u32, &b"/home"[..], true), (1, b"", false), (1, b"a\0b", false), (2, b"a", false), (0, b"a", false)]
    {
        let mut client = ready();
        let ticket = client.start(&Op::Realpath { path: b"." }).unwrap().unwrap();
        let id = one(&mut client, 16);
        let names = entry(name).repeat(count as usize);
        client.feed(&packet(NAME, &[&id.to_be_bytes(), &count.to_be_bytes(), &names])).unwrap();
        let reply = client.take(ticket);
        assert_eq!(matches!(reply, Ok(Some(Reply::Name(got))) if got == name), good, "{reply:?}");
    }
    // Larger than the memory for answers: told, and the connection goes on.
    let mut client = ready();
    let ticket = client.start(&Op::Realpath { path: b"." }).unwrap().unwrap();
    let id = one(&mut client, 16);
    client.feed(&packet(NAME, &[&id.to_be_bytes(), &1u32.to_be_bytes(), &entry(&[b'x'; 1000])])).unwrap();
    assert!(matches!(client.take(ticket), Err(SftpError::TooLong)));
    assert!(client.start(&Op::Realpath { path: b"." }).unwrap().is_some());
}

#[test]
fn an_untaken_answer_stops_the_rest() {
    let mut client = ready();
    let first = client.start(&Op::Rmdir { path: b"a" }).unwrap().unwrap();
    let second = client.start(&Op::Rmdir { path: b"b" }).unwrap().unwrap();
    let sent = requests(&mut client);
    let bytes = [status(sent[1].1, 0), status(sent[0].1, 3)].concat();
    let n = client.feed(&bytes).unwrap();
    assert_eq!(n, bytes.len() / 2);
    assert!(matches!(client.take(first), Ok(None)));
    assert!(matches!(client.take(second), Ok(Some(Reply::Ok))));
    assert_eq!(client.feed(&bytes[n..]).unwrap(), bytes.len() - n);
    assert!(matches!(client.take(first), Err(SftpError::Status(status)) if status.code == 3));
}

#[test]
fn a_full_table_of_requests_waits() {
    let mut client = ready();
    for _ in 0..12 {
        assert!(client.start(&Op::Rmdir { path: b"a" }).unwrap().is_some());
    }
    assert!(client.start(&Op::Rmdir { path: b"a" }).unwrap().is_none());
    let sent = requests(&mut client);
    assert_eq!(sent.len(), 12);
    client.feed(&status(sent[0].1, 0)).unwrap();
    // Nobody takes the first answer, so there is room for a request but nothing more comes in.
    assert!(client.start(&Op::Rmdir { path: b"b" }).unwrap().is_some());
    assert_eq!(client.feed(&status(sent[1].1, 0)).unwrap(), 0);
}
