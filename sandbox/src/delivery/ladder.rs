//! How long each platform waits between its sends, in real seconds; a run of the sandbox divides them.
//!
//! Sources: WeChat Pay merchant doc 4012082022; Alipay opendocs 00f7nu; UnionPay's "1, 2, 4, 5 minutes";
//! Stripe documents "up to three days with exponential back-off", drawn here as sixteen sends.

use std::time::Duration;

use paystate_providers::Provider;

const ALIPAY: &[u64] = &[240, 600, 600, 3_600, 7_200, 21_600, 54_000];
const WECHATPAY: &[u64] =
    &[15, 15, 30, 180, 600, 1_200, 1_800, 1_800, 1_800, 3_600, 10_800, 10_800, 10_800, 21_600, 21_600];
const UNIONPAY: &[u64] = &[60, 120, 240, 300];
const STRIPE: &[u64] = &[8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768, 65_536, 128_136];

/// However much time is compressed, sends stay at least this far apart.
const SHORTEST: Duration = Duration::from_millis(20);

/// The wait after the failure of `round` (from zero), or `None` when the platform gives up.
pub(crate) fn wait_after(provider: Provider, round: usize, time_compression: u32) -> Option<Duration> {
    let seconds = ladder(provider).get(round)?;
    Some((Duration::from_secs(*seconds) / time_compression.max(1)).max(SHORTEST))
}

fn ladder(provider: Provider) -> &'static [u64] {
    match provider {
        Provider::Alipay => ALIPAY,
        Provider::WechatPay => WECHATPAY,
        Provider::UnionPay => UNIONPAY,
        Provider::Stripe => STRIPE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ladders_span_what_the_platforms_document() {
        let span = |provider| (ladder(provider).len() + 1, ladder(provider).iter().sum::<u64>());
        assert_eq!(span(Provider::Alipay), (8, 87_840));
        assert_eq!(span(Provider::WechatPay), (16, 86_640));
        assert_eq!(span(Provider::UnionPay), (5, 720));
        assert_eq!(span(Provider::Stripe), (16, 3 * 86_400));
    }

    #[test]
    fn time_is_compressed_but_never_to_nothing() {
        assert_eq!(wait_after(Provider::UnionPay, 0, 600), Some(Duration::from_millis(100)));
        assert_eq!(wait_after(Provider::WechatPay, 0, u32::MAX), Some(SHORTEST));
        assert_eq!(wait_after(Provider::UnionPay, 4, 1), None);
    }
}
