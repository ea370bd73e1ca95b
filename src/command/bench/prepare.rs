//! Writes and signs every callback before the clock starts, on all cores.
//!
//! One buffer for each callback, head and body as they go over the wire; a repetition refers to it, so it is
//! the same bytes. (Alipay and UnionPay repeat so. WeChat Pay and Stripe sign a repetition anew around the same
//! body, which is the same content to the edge.) What is repeated so late that a signature would have gone stale is
//! signed again.

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use paystate_providers::{Currency, Provider};
use paystate_sandbox::{
    SandboxError,
    press::{Payment, Press, SignedCallback},
};

use super::{
    plan::Blank,
    progress,
    stats::{count_of, float},
};

/// Signed once more beforehand, to guess how long all will take and so when the clock will start.
const TRIAL: usize = 200;
/// The guess may be this far off, and every callback still is less than five minutes from the time it carries.
const SLACK: Duration = Duration::from_secs(120);

/// The orders of one run; order, payment and callback share a number and a name.
#[derive(Debug, Clone)]
pub(super) struct Names {
    prefix: Arc<str>,
}

impl Names {
    /// Names that no other run has had.
    pub(super) fn new() -> Self {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        Self { prefix: format!("B{micros}N").into() }
    }

    pub(super) fn name(&self, number: usize) -> String {
        format!("{}{number}", self.prefix)
    }
}

/// What the order of this number costs, in minor units of [`CURRENCY`].
pub(super) fn price(number: usize) -> i64 {
    i64::try_from(number % 9_900).unwrap_or(0) + 100
}

/// All platforms take it.
pub(super) const CURRENCY: Currency = Currency::CNY;

/// A callback ready to send.
#[derive(Debug)]
pub(super) struct Callback {
    pub(super) provider: Provider,
    pub(super) genuine: bool,
    /// The whole request.
    pub(super) bytes: Box<[u8]>,
}

/// One callback to write and sign.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) number: usize,
    pub(super) blank: Blank,
    /// The time that it carries, in microseconds from the start.
    pub(super) stamp: u32,
}

/// Signs all of `wanted`, in this order. Takes all cores for a while, so call it off the async threads.
pub(super) fn sign(press: &Press, names: &Names, wanted: &[Wanted]) -> Result<Vec<Callback>, String> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let total = u64::try_from(wanted.len()).unwrap_or(u64::MAX);
    let begin = now();
    let mut trial = wanted.iter().take(TRIAL);
    trial.try_for_each(|w| sign_one(press, names, w, begin).map(drop)).map_err(|e| e.to_string())?;
    let each = now().saturating_sub(begin).as_secs_f64() / float(count_of(wanted.len().clamp(1, TRIAL)));
    let guess = Duration::try_from_secs_f64(each * float(total) / float(count_of(cores))).unwrap_or_default();
    let start = now() + guess;
    let progress = progress::bar(total, "callbacks signed");
    let size = wanted.len().div_ceil(cores).max(1);
    let done = AtomicU64::new(0);
    let signed = thread::scope(|scope| {
        let part = |wanted: &'_ [Wanted]| {
            let wanted = wanted.to_vec();
            let (progress, done) = (&progress, &done);
            scope.spawn(move || {
                let one = |wanted: &Wanted| {
                    let signed = sign_one(press, names, wanted, start);
                    progress.set_position(done.fetch_add(1, Ordering::Relaxed) + 1);
                    signed
                };
                wanted.iter().map(one).collect::<Result<Vec<_>, _>>()
            })
        };
        let parts: Vec<_> = wanted.chunks(size).map(part).collect();
        let panicked = |_| Err(SandboxError::Crypto("signing callbacks"));
        parts.into_iter().map(|p| p.join().unwrap_or_else(panicked)).collect::<Result<Vec<_>, _>>()
    });
    progress.finish_and_clear();
    if now().abs_diff(start) > SLACK {
        return Err(format!(
            "signing {total} callbacks took {:?} instead of about {guess:?}: their signatures could go stale in the \
             run; use fewer --seconds, or a --mix without wechatpay and stripe",
            now().saturating_sub(start - guess)
        ));
    }
    Ok(signed.map_err(|e| e.to_string())?.into_iter().flatten().collect())
}

/// Since the Unix epoch.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn sign_one(press: &Press, names: &Names, wanted: &Wanted, start: Duration) -> Result<Callback, SandboxError> {
    let Wanted { number, blank, stamp } = *wanted;
    let (provider, out_trade_no) = (blank.provider, names.name(number));
    let payment = Payment { provider, out_trade_no, amount_minor: price(number), currency: CURRENCY };
    let sent_at = start + Duration::from_micros(stamp.into());
    let sent_at = i64::try_from(sent_at.as_secs()).unwrap_or(i64::MAX);
    let signed = if blank.genuine { press.paid(&payment, sent_at)? } else { press.forged(&payment, sent_at)? };
    Ok(Callback { provider: blank.provider, genuine: blank.genuine, bytes: wire(&signed) })
}

/// The request as it goes over a kept-alive connection.
fn wire(callback: &SignedCallback) -> Box<[u8]> {
    let mut text = format!("POST {} HTTP/1.1\r\nhost: localhost\r\n", callback.path);
    for (name, value) in &callback.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("content-length: {}\r\n\r\n{}", callback.body.len(), callback.body));
    text.into_bytes().into_boxed_slice()
}

#[cfg(test)]
mod tests {
    use paystate_sandbox::Keyring;

    use super::*;

    #[test]
    fn every_blank_is_signed_under_its_own_number() {
        let dir = tempfile::tempdir().unwrap();
        let press = Press::new(Keyring::load_or_create(dir.path()).unwrap());
        let blanks: Vec<_> = (0..25)
            .map(|n: u32| {
                let provider = Provider::ALL[usize::try_from(n).unwrap() % 4];
                Blank { provider, genuine: !n.is_multiple_of(5), first: n }
            })
            .collect();
        let names = Names::new();
        let wanted = |(number, blank): (usize, &Blank)| Wanted { number, blank: *blank, stamp: blank.stamp() };
        let callbacks = sign(&press, &names, &blanks.iter().enumerate().map(wanted).collect::<Vec<_>>()).unwrap();
        assert_eq!(callbacks.len(), blanks.len());
        for (number, (callback, blank)) in callbacks.iter().zip(&blanks).enumerate() {
            assert_eq!((callback.provider, callback.genuine), (blank.provider, blank.genuine));
            let text = String::from_utf8(callback.bytes.to_vec()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with(&format!("POST /callback/{0}/{0} HTTP/1.1\r\n", blank.provider)), "{head}");
            assert!(head.contains(&format!("\r\ncontent-length: {}", body.len())), "{head}");
            // WeChat Pay's is inside the ciphertext.
            let name = names.name(number);
            assert!(blank.provider == Provider::WechatPay || body.contains(&name), "{name} {body}");
        }
    }
}
