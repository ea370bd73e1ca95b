//! A Redis that lies, for tests that show that nothing depends on it.
//!
//! It knows what an honest server would say, for it keeps the truth in a map, and then says something else. Log-in,
//! settings of the client and everything about a key that ends in `:probe` are answered honestly: a server that fails
//! its probe is not asked at all, and would prove nothing. For the same reason it reads and writes as promptly as Redis
//! does. Nothing here is known of paystate but the value that says "done".

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::AbortHandle,
};

/// How it lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Not at all, to compare with.
    None,
    /// Whoever asks for a key has it.
    EverybodyIsFirst,
    /// Whatever is asked for was done before.
    EverythingIsDone,
    /// Whatever is asked for is held by somebody else.
    EverythingIsTaken,
    /// Each key gets the reply that is another's.
    Swapped,
    /// Each command gets the reply of the one before.
    Old,
    /// `OK` to everything.
    Ok,
    /// Replies of every kind that there is, at random.
    AnyReply,
    /// Bytes that are no reply.
    Garbage,
    /// The first half of what is to be said, then the connection ends.
    Half,
    /// Nothing, while the connection stays.
    Silence,
}

impl Lie {
    /// Every way to lie, and not to.
    pub(crate) const ALL: [Self; 11] = [
        Self::None,
        Self::EverybodyIsFirst,
        Self::EverythingIsDone,
        Self::EverythingIsTaken,
        Self::Swapped,
        Self::Old,
        Self::Ok,
        Self::AnyReply,
        Self::Garbage,
        Self::Half,
        Self::Silence,
    ];
}

/// A running liar. It ends when this is dropped.
pub(crate) struct Liar {
    /// Where it listens.
    pub(crate) url: String,
    mind: Arc<Mind>,
    listening: AbortHandle,
}

struct Mind {
    lie: Lie,
    done: &'static str,
    truth: Mutex<HashMap<Vec<u8>, Vec<u8>>>,
    asked: AtomicUsize,
    lies: AtomicUsize,
}

impl Liar {
    /// Listens on a free port. `done` is the value under which a claim is done.
    pub(crate) async fn start(lie: Lie, done: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let mind = Arc::new(Mind {
            lie,
            done,
            truth: Mutex::default(),
            asked: AtomicUsize::new(0),
            lies: AtomicUsize::new(0),
        });
        let serving = mind.clone();
        let listening = tokio::spawn(async move {
            let mut clients = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                clients.spawn(serve(serving.clone(), client));
            }
        });
        Self { url, mind, listening: listening.abort_handle() }
    }

    /// Commands about which it may lie.
    pub(crate) fn asked(&self) -> usize {
        self.mind.asked.load(Ordering::SeqCst)
    }

    /// Replies that an honest server would not have given.
    pub(crate) fn lies(&self) -> usize {
        self.mind.lies.load(Ordering::SeqCst)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

type Command = Vec<Vec<u8>>;

/// What is read at once, so that commands that were sent together are answered together.
const READ: usize = 16 * 1_024;

async fn serve(mind: Arc<Mind>, mut client: TcpStream) {
    // A reply that waits for the one before to be acknowledged (40 ms) is later than a guard waits for it.
    client.set_nodelay(true).unwrap();
    let (mut heard, mut before, mut dice) = (Vec::new(), NIL.to_vec(), 7_u64);
    loop {
        let mut commands = Vec::new();
        while let Some((command, length)) = parse(&heard) {
            heard.drain(..length);
            commands.push(command);
        }
        let said = mind.replies(&commands, &mut before, &mut dice);
        let end = said.last().is_some_and(|s| s.is_none());
        let said: Vec<u8> = said.into_iter().flatten().flatten().collect();
        if client.write_all(&said).await.is_err() || end {
            return;
        }
        heard.reserve(READ);
        if !matches!(client.read_buf(&mut heard).await, Ok(1..)) {
            return;
        }
    }
}

const NIL: &[u8] = b"$-1\r\n";

fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

impl Mind {
    /// What is said to commands that came together. `None` ends the connection.
    fn replies(&self, commands: &[Command], before: &mut Vec<u8>, dice: &mut u64) -> Vec<Option<Vec<u8>>> {
        let honest: Vec<_> = commands.iter().map(|command| self.honest(command)).collect();
        let lied_about: Vec<_> = (0..commands.len()).filter(|n| is_lied_about(&commands[*n])).collect();
        self.asked.fetch_add(lied_about.len(), Ordering::SeqCst);
        let mut said: Vec<_> = honest.iter().cloned().map(Some).collect();
        for (n, at) in lied_about.iter().enumerate() {
            let asks = commands[*at].iter().any(|word| word == b"NX");
            let reply = match self.lie {
                Lie::None => honest[*at].clone(),
                Lie::EverybodyIsFirst if asks => NIL.to_vec(),
                Lie::EverythingIsDone if asks => bulk(self.done.as_bytes()),
                Lie::EverythingIsTaken if asks => bulk(b"0123456789abcdef0123456789abcdef"),
                Lie::EverybodyIsFirst | Lie::EverythingIsDone | Lie::EverythingIsTaken => honest[*at].clone(),
                Lie::Swapped => honest[lied_about[(n + 1) % lied_about.len()]].clone(),
                Lie::Old => std::mem::replace(before, honest[*at].clone()),
                Lie::Ok => b"+OK\r\n".to_vec(),
                Lie::AnyReply => self.any(dice),
                Lie::Garbage => b"\x00\xff?!\r\n-\r\n".to_vec(),
                Lie::Half => {
                    let half = honest[*at].len() / 2;
                    said[*at] = Some(honest[*at][..half].to_vec());
                    said.truncate(at + 1);
                    said.push(None);
                    self.lies.fetch_add(1, Ordering::SeqCst);
                    return said;
                }
                Lie::Silence => Vec::new(),
            };
            if reply != honest[*at] {
                self.lies.fetch_add(1, Ordering::SeqCst);
            }
            said[*at] = Some(reply);
        }
        said
    }

    /// What an honest server says.
    fn honest(&self, command: &Command) -> Vec<u8> {
        let mut truth = self.truth.lock().unwrap();
        match command[0].to_ascii_uppercase().as_slice() {
            b"SET" if command.iter().any(|word| word == b"NX") => match truth.get(&command[1]) {
                Some(held) => bulk(held),
                None => {
                    truth.insert(command[1].clone(), command[2].clone());
                    NIL.to_vec()
                }
            },
            b"SET" => {
                truth.insert(command[1].clone(), command[2].clone());
                b"+OK\r\n".to_vec()
            }
            b"EVAL" => {
                let token = command.last().unwrap();
                let keys = &command[3..command.len() - 1];
                let released = keys.iter().filter(|key| truth.get(*key) == Some(token)).count();
                truth.retain(|key, value| value != token || !keys.contains(key));
                format!(":{released}\r\n").into_bytes()
            }
            _ => b"+OK\r\n".to_vec(),
        }
    }

    /// Some reply, well-formed, of any type.
    fn any(&self, dice: &mut u64) -> Vec<u8> {
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match (*dice >> 33) % 9 {
            0 => NIL.to_vec(),
            1 => bulk(self.done.as_bytes()),
            2 => bulk(b"0123456789abcdef0123456789abcdef"),
            3 => bulk(b"done"),
            4 => bulk(b"\xff\x00"),
            5 => b"+OK\r\n".to_vec(),
            6 => b":-1\r\n".to_vec(),
            7 => b"*2\r\n$-1\r\n:7\r\n".to_vec(),
            _ => b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n".to_vec(),
        }
    }
}

fn is_lied_about(command: &Command) -> bool {
    let key = match command[0].to_ascii_uppercase().as_slice() {
        b"SET" => &command[1],
        b"EVAL" => &command[3],
        _ => return false,
    };
    !key.ends_with(b":probe")
}

/// The first whole command in the bytes, and its length.
fn parse(bytes: &[u8]) -> Option<(Command, usize)> {
    let line = |from: usize| -> Option<(usize, usize)> {
        let length = bytes.get(from..)?.windows(2).position(|two| two == b"\r\n")?;
        let number = std::str::from_utf8(&bytes[from + 1..from + length]).unwrap().parse().unwrap();
        Some((number, from + length + 2))
    };
    let (words, mut at) = line(0)?;
    let mut command = Vec::new();
    for _ in 0..words {
        let (length, from) = line(at)?;
        command.push(bytes.get(from..from + length)?.to_vec());
        at = from + length + 2;
    }
    (bytes.len() >= at).then_some((command, at))
}
