//! All four formats: what is written is read, and what is cut or altered never looks whole.

use std::io::{Cursor, Write};

use aws_lc_rs::digest;
use encoding_rs::GBK;
use flate2::{Compression, write::GzEncoder};
use proptest::{prelude::*, sample::Index};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::*;
use crate::{Currency, Money, Provider};

/// 2026-11-22 00:00:00 in Beijing.
const MIDNIGHT: i64 = 1_795_276_800;

fn all(format: &FileFormat, file: &[u8]) -> Result<Vec<Line>, StatementError> {
    read(format, Cursor::new(file))?.collect()
}

fn refusal(format: &FileFormat, file: &[u8]) -> String {
    all(format, file).expect_err("refused").to_string()
}

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a member");
        zip.write_all(bytes).expect("written");
    }
    zip.finish().expect("a ZIP").into_inner()
}

fn gbk(text: &str) -> Vec<u8> {
    GBK.encode(text).0.into_owned()
}

/// Units of `10^-scale` as a decimal.
fn dec(units: i64, scale: usize) -> String {
    let digits = format!("{:0width$}", units.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    format!("{}{whole}.{part}", if units < 0 { "-" } else { "" })
}

fn beijing(at: Instant, format: &str) -> String {
    let timestamp = jiff::Timestamp::from_second(at.seconds()).expect("in range");
    jiff::tz::offset(8).to_datetime(timestamp).strftime(format).to_string()
}

fn at(line: &Line) -> Instant {
    line.occurred_at.expect("a time")
}

fn is_refund(line: &Line) -> bool {
    line.kind == LineKind::Refund
}

fn sum(lines: &[Line], refunds: bool) -> (usize, i64) {
    let of_kind = || lines.iter().filter(|line| is_refund(line) == refunds);
    (of_kind().count(), of_kind().map(|line| line.amount.minor).sum())
}

mod alipay {
    use super::*;

    const HEADER: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,\
        对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,\
        券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";

    pub(super) fn csv(lines: &[Line], goods: &str) -> String {
        let mut csv =
            format!("#支付宝业务明细查询\r\n#账号：[20881000000000010156]\r\n#-----业务明细列表----\r\n{HEADER}\r\n");
        for line in lines {
            let (kind, sign) = if is_refund(line) { ("退款", -1) } else { ("交易", 1) };
            let time = beijing(at(line), "%Y-%m-%d %H:%M:%S");
            let (amount, fee) = (dec(sign * line.amount.minor, 2), dec(-line.fee_minor, 2));
            let Line { transaction_id, out_trade_no, out_refund_no, .. } = line;
            csv += &format!(
                "{transaction_id}\t,{out_trade_no}\t,{kind}\t,{goods}\t,{time}\t,{time}\t,\t,\t,\t,\t,\
                 某人(a***@b.c)\t,{amount}\t,{amount}\t,0.00\t,0.00\t,0.00\t,0.00\t,0.00\t,\t,0.00\t,0.00\t,\
                 {out_refund_no}\t,{fee}\t,0.00\t,备注\r\n"
            );
        }
        let ((n, paid), (m, refunded)) = (sum(lines, false), sum(lines, true));
        let (paid, refunded) = (dec(paid, 2), dec(-refunded, 2));
        csv + &format!(
            "#------业务明细列表结束------\r\n#交易合计：{n}笔，商家实收共{paid}元，商家优惠共0.00元\r\n\
             #退款合计：{m}笔，商家实收退款共{refunded}元，商家优惠退款共0.00元\r\n#导出时间：[2026年11月23日 09:00:00]\r\n"
        )
    }

    /// Member names are GBK without a flag that says so: the library cannot write that, so a name of the same length is
    /// overwritten.
    pub(super) fn packed(csv: &str) -> Vec<u8> {
        let names = ["20881_20261122_业务明细.csv", "20881_20261122_业务明细(汇总).csv"].map(gbk);
        let stand_ins =
            [0, 1].map(|index| char::from(b'A' + index).to_string().repeat(names[usize::from(index)].len()));
        let mut file = zip(&[(&stand_ins[0], &gbk(csv)), (&stand_ins[1], b"#")]);
        for (stand_in, name) in stand_ins.iter().zip(&names) {
            for at in 0..file.len() - name.len() {
                if file[at..].starts_with(stand_in.as_bytes()) {
                    file[at..at + name.len()].copy_from_slice(name);
                }
            }
        }
        file
    }

    pub(super) fn file(lines: &[Line]) -> Vec<u8> {
        packed(&csv(lines, "大米"))
    }
}

mod wechatpay {
    use super::*;

    pub(super) fn csv(lines: &[Line]) -> String {
        let mut csv =
            "\u{feff}交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,\
             付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,\
             退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n"
                .to_owned();
        for line in lines {
            let time = beijing(at(line), "%Y-%m-%d %H:%M:%S");
            let (amount, fee) = (dec(line.amount.minor, 2), dec(line.fee_minor * 1000, 5));
            let Line { transaction_id, out_trade_no, .. } = line;
            let of_refund = |id: &str| if id.is_empty() { "0".to_owned() } else { id.to_owned() };
            let (refund, out_refund) = (of_refund(&line.refund_id), of_refund(&line.out_refund_no));
            let (state, refund_state, paid, refunded) = match line.kind {
                LineKind::Payment => ("SUCCESS", "", amount.as_str(), "0.00"),
                LineKind::Refund => ("REFUND", "SUCCESS", "0.00", amount.as_str()),
            };
            csv += &format!(
                "`{time},`wx1,`19,`0,`,`{transaction_id},`{out_trade_no},`payer,`JSAPI,`{state},`OTHERS,`CNY,`{paid},`0.00,\
                 `{refund},`{out_refund},`{refunded},`0.00,`,`{refund_state},`rice, white,`,`{fee},`0.60%,`{paid},`{refunded},`\r\n"
            );
        }
        let (paid, refunded) = (dec(sum(lines, false).1, 2), dec(sum(lines, true).1, 2));
        let fees = dec(lines.iter().map(|line| line.fee_minor * 1000).sum(), 5);
        csv + &format!(
            "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n\
             `{}.0,`{paid},`{refunded},`0.0,`{fees},`{paid},`{refunded}\r\n",
            lines.len()
        )
    }

    pub(super) fn gzip(csv: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(csv.as_bytes()).expect("written");
        encoder.finish().expect("finished")
    }

    pub(super) fn format(csv: &str) -> FileFormat {
        let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, csv.as_bytes());
        FileFormat::WechatPayCsv { sha1: Some(hex::encode(hash)) }
    }
}

mod unionpay {
    use super::*;

    pub(super) const ZM: &str = "INN26112388ZM_777290058110048";

    fn row(cells: &[(usize, String)], widths: &[usize]) -> String {
        let cell = |(index, width): (usize, &usize)| {
            let text = cells.iter().find(|(at, _)| *at == index + 1).map_or("", |(_, text)| text);
            format!("{text:width$}")
        };
        widths.iter().enumerate().map(cell).collect::<Vec<_>>().join(" ") + "\r\n"
    }

    const WIDTHS: [usize; 42] = [
        3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15, 1, 15, 32,
        13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
    ];

    pub(super) fn settled(lines: &[Line]) -> String {
        lines.iter().map(settled_row).collect()
    }

    fn settled_row(line: &Line) -> String {
        let (kind, own, of) = match line.kind {
            LineKind::Payment => ("01", (&line.out_trade_no, &line.transaction_id), None),
            LineKind::Refund => {
                ("04", (&line.out_refund_no, &line.refund_id), Some((&line.out_trade_no, &line.transaction_id)))
            }
        };
        let fee = format!("{}{:012}", if line.fee_minor < 0 { 'C' } else { 'D' }, line.fee_minor.unsigned_abs());
        let mut cells = vec![
            (1, "S56".to_owned()),
            (5, beijing(at(line), "%m%d%H%M%S")),
            (7, format!("{:012}", line.amount.minor)),
            (10, own.1.clone()),
            (12, own.0.clone()),
            (16, fee),
            (20, kind.to_owned()),
        ];
        if let Some((order, query)) = of {
            cells.extend([(27, query.clone()), (41, order.clone())]);
        }
        row(&cells, &WIDTHS)
    }

    pub(super) fn exception() -> String {
        let widths = [3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2, 135];
        let cells = [(1, "E74"), (4, "190624"), (5, "1122080000"), (7, "000000000500")];
        row(&cells.map(|(index, text)| (index, text.to_owned())), &widths)
    }

    pub(super) fn file(lines: &[Line]) -> Vec<u8> {
        zip(&[(ZM, settled(lines).as_bytes())])
    }
}

mod stripe {
    use serde_json::{Value, json};

    use super::*;

    pub(super) fn transaction(line: &Line) -> Value {
        let metadata = match line.kind {
            LineKind::Payment => json!({"out_trade_no": line.out_trade_no}),
            LineKind::Refund => json!({"out_trade_no": line.out_trade_no, "out_refund_no": line.out_refund_no}),
        };
        let (kind, id, sign) = match line.kind {
            LineKind::Payment => ("charge", "ch_1", 1),
            LineKind::Refund => ("refund", line.refund_id.as_str(), -1),
        };
        let currency = line.amount.currency.to_string().to_lowercase();
        json!({
            "id": "txn_1", "object": "balance_transaction", "type": kind, "currency": currency,
            "amount": sign * line.amount.minor, "fee": line.fee_minor, "created": at(line).seconds(),
            "source": {"id": id, "amount": line.amount.minor, "currency": currency,
                "payment_intent": line.transaction_id, "description": "a \"list\" of {[, \\", "metadata": metadata},
        })
    }

    pub(super) fn page(lines: &[Line], has_more: bool) -> String {
        let data: Vec<_> = lines.iter().map(transaction).collect();
        json!({"object": "list", "url": "/v1/balance_transactions", "total": 3, "has_more": has_more, "data": data})
            .to_string()
    }

    pub(super) fn file(lines: &[Line]) -> Vec<u8> {
        serde_json::to_vec(&lines.iter().map(transaction).collect::<Vec<_>>()).expect("JSON")
    }
}

fn written(provider: Provider, lines: &[Line]) -> (FileFormat, Vec<u8>) {
    match provider {
        Provider::Alipay => (FileFormat::AlipayZip, alipay::file(lines)),
        Provider::WechatPay => (wechatpay::format(&wechatpay::csv(lines)), wechatpay::gzip(&wechatpay::csv(lines))),
        Provider::UnionPay => (FileFormat::UnionPayZip, unionpay::file(lines)),
        Provider::Stripe => (FileFormat::StripeJson, stripe::file(lines)),
    }
}

/// What a file of that platform can say.
fn fit(provider: Provider, index: usize, line: Line) -> Line {
    let refund_id = if provider == Provider::Alipay { String::new() } else { line.refund_id };
    let number = match provider {
        Provider::Alipay => index + 5,
        Provider::WechatPay => index + 2,
        Provider::UnionPay | Provider::Stripe => index + 1,
    };
    Line { refund_id, number: number as u64, ..line }
}

fn line() -> impl Strategy<Value = Line> {
    let id = "[A-Za-z1-9][A-Za-z0-9]{3,20}";
    (any::<bool>(), [id; 4], 1..1_000_000_000_i64, 0..100_000_i64, 0..86_400_i64).prop_map(
        |(refund, [out_trade_no, transaction_id, out_refund_no, refund_id], minor, fee, second)| {
            let of_refund = |id: String| if refund { id } else { String::new() };
            Line {
                number: 0,
                kind: if refund { LineKind::Refund } else { LineKind::Payment },
                out_trade_no,
                transaction_id,
                out_refund_no: of_refund(out_refund_no),
                refund_id: of_refund(refund_id),
                amount: Money { minor, currency: Currency::CNY },
                fee_minor: if refund { -fee } else { fee },
                occurred_at: Some(Instant::from_seconds(MIDNIGHT + second)),
            }
        },
    )
}

fn provider() -> impl Strategy<Value = Provider> {
    prop::sample::select(vec![Provider::Alipay, Provider::WechatPay, Provider::UnionPay, Provider::Stripe])
}

fn statement() -> impl Strategy<Value = (Provider, Vec<Line>)> {
    (provider(), prop::collection::vec(line(), 0..20)).prop_map(|(provider, lines)| {
        (provider, lines.into_iter().enumerate().map(|(index, line)| fit(provider, index, line)).collect())
    })
}

fn some_lines(provider: Provider) -> Vec<Line> {
    let line = |number: usize, refund: bool| {
        let of_refund = |id: &str| if refund { id.to_owned() } else { String::new() };
        fit(
            provider,
            number,
            Line {
                number: 0,
                kind: if refund { LineKind::Refund } else { LineKind::Payment },
                out_trade_no: format!("ORDER{number}"),
                transaction_id: format!("TXN{number}"),
                out_refund_no: of_refund("BACK1"),
                refund_id: of_refund("RFD1"),
                amount: Money { minor: 1230, currency: Currency::CNY },
                fee_minor: if refund { -7 } else { 7 },
                occurred_at: Some(Instant::from_seconds(MIDNIGHT + 3600)),
            },
        )
    };
    vec![line(0, false), line(1, false), line(2, true)]
}

proptest! {
    #[test]
    fn what_is_written_is_read((provider, lines) in statement()) {
        let (format, file) = written(provider, &lines);
        prop_assert_eq!(all(&format, &file).expect("whole"), lines);
    }

    #[test]
    fn a_file_that_is_cut_short_is_refused((provider, lines) in statement(), cut in any::<Index>()) {
        let (format, mut file) = written(provider, &lines);
        file.truncate(cut.index(file.len()));
        prop_assert!(all(&format, &file).is_err());
    }

    /// A CSV without its hash is only as good as its sums: cut in the zeros of the last one, it still says everything.
    #[test]
    fn a_plain_csv_that_is_cut_short_says_all_or_nothing(lines in prop::collection::vec(line(), 0..20), cut in any::<Index>()) {
        let lines: Vec<_> = lines.into_iter().enumerate().map(|(i, line)| fit(Provider::WechatPay, i, line)).collect();
        let csv = wechatpay::csv(&lines);
        let cut = &csv.as_bytes()[..cut.index(csv.len())];
        if let Ok(read) = all(&FileFormat::WechatPayCsv { sha1: None }, cut) {
            prop_assert_eq!(read, lines);
        }
    }

    /// A flipped bit that changes nothing (a date in a ZIP's directory) may pass; one that changes a line may not. Stripe's
    /// file has no checksum: it comes over TLS or from a person.
    #[test]
    fn an_altered_file_is_refused((provider, lines) in statement(), at in any::<Index>(), bit in 0..8_u32) {
        let (format, mut file) = written(provider, &lines);
        let at = at.index(file.len());
        file[at] ^= 1 << bit;
        // UnionPay's year is in the name of a member, of which a ZIP has no checksum: a day's reconciliation refuses
        // the lines of another year.
        let told = |lines: Vec<Line>| match provider {
            Provider::UnionPay => lines.into_iter().map(|line| Line { occurred_at: None, ..line }).collect(),
            Provider::Alipay | Provider::WechatPay | Provider::Stripe => lines,
        };
        if let (Ok(read), true) = (all(&format, &file), provider != Provider::Stripe) {
            prop_assert_eq!(told(read), told(lines));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(file in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in [FileFormat::AlipayZip, FileFormat::WechatPayCsv { sha1: None }, FileFormat::UnionPayZip, FileFormat::StripeJson] {
            prop_assert!(all(&format, &file).is_err());
        }
    }

    #[test]
    fn no_rows_make_it_panic(text in "[-`,\t\r\n{}\\[\\]\":#0-9交易退款. ]{0,200}") {
        let csv = alipay::csv(&[], "").replace("#-----业务明细列表结束", &format!("{text}\r\n#业务明细列表结束"));
        let _ = all(&FileFormat::AlipayZip, &alipay::packed(&csv));
        let _ = all(&FileFormat::WechatPayCsv { sha1: None }, wechatpay::csv(&[]).replacen("\r\n", &format!("\r\n{text}"), 1).as_bytes());
        let _ = all(&FileFormat::UnionPayZip, &zip(&[(unionpay::ZM, text.as_bytes())]));
        let _ = all(&FileFormat::StripeJson, format!("[{text}").as_bytes());
    }
}

#[test]
fn the_format_is_told_from_the_file() {
    for provider in [Provider::Alipay, Provider::WechatPay, Provider::UnionPay, Provider::Stripe] {
        let lines = some_lines(provider);
        let (format, file) = written(provider, &lines);
        let mut file = Cursor::new(file);
        let guessed = FileFormat::guess(&mut file).expect("a statement");
        let known = match format {
            FileFormat::WechatPayCsv { .. } => FileFormat::WechatPayCsv { sha1: None },
            format @ (FileFormat::AlipayZip | FileFormat::UnionPayZip | FileFormat::StripeJson) => format,
        };
        assert_eq!(guessed, known);
        let read: Result<Vec<_>, _> = read(&guessed, file).expect("opened").collect();
        assert_eq!(read.expect("whole"), lines);
    }
    let csv = wechatpay::csv(&[]);
    assert!(matches!(FileFormat::guess(&mut Cursor::new(csv)), Ok(FileFormat::WechatPayCsv { sha1: None })));
    let error = FileFormat::guess(&mut Cursor::new("hello")).expect_err("nothing");
    assert!(error.to_string().contains("no statement of a platform"), "{error}");
}

#[test]
fn alipay_needs_its_end_and_sums_that_agree() {
    let csv = alipay::csv(&some_lines(Provider::Alipay), "米, 白");
    assert_eq!(all(&FileFormat::AlipayZip, &alipay::packed(&csv)).expect("a comma in a name").len(), 3);
    let line = csv.lines().nth(5).expect("a detail").to_owned() + "\r\n";
    for (altered, complaint) in [
        (
            csv.replacen(&line, "", 1),
            "交易合计：2笔，商家实收共24.60元，商家优惠共0.00元\" does not agree with 1 lines of together 1230",
        ),
        (csv.replace("#交易合计：2笔", "#交易合计：3笔"), "does not agree"),
        (csv.replace("退款共-12.30元", "退款共-12.31元"), "does not agree"),
        (
            csv[..csv.find("#------业务明细列表结束").expect("there")].to_owned(),
            "ends without the mark 业务明细列表结束",
        ),
        (csv[..csv.find("#交易合计").expect("there")].to_owned(), "ends without #交易合计"),
        (csv.clone() + &line, "details after their end"),
        (csv.replace("\t,退款\t,", "\t,转账\t,"), "line 7: 业务类型 \"转账\" is none that is known"),
        (csv.replace("服务费", "别的"), "no column 服务费"),
        (csv.replace("\t,-12.30\t,-12.30", "\t,1e2\t,-12.30"), "订单金额 \"1e2\" is not an amount"),
    ] {
        let refusal = refusal(&FileFormat::AlipayZip, &alipay::packed(&altered));
        assert!(refusal.contains(complaint), "{refusal}\n{complaint}");
        assert!(refusal.contains("业务明细.csv"), "{refusal}");
    }
}

#[test]
fn wechat_needs_its_hash_and_sums_that_agree() {
    let csv = wechatpay::csv(&some_lines(Provider::WechatPay));
    let line = csv.lines().nth(2).expect("a row").to_owned() + "\r\n";
    for (altered, complaint) in [
        (csv.replacen(&line, "", 1), "the file says 3 trades, 2460 fen paid, 1230 fen refunded"),
        (csv[..csv.find("总交易单数").expect("there")].to_owned(), "ends without its sums"),
        (csv.clone() + &line, "more after the sums"),
        (csv.replace("`REFUND,", "`NEWS,"), "line 4: 交易状态 \"NEWS\""),
        (csv.replace("`-0.07000", "`-0.070000"), "at most 5 decimals"),
        (csv.replacen(",`", ",", 1), "has 26 cells, not 27"),
    ] {
        let refusal = refusal(&FileFormat::WechatPayCsv { sha1: None }, altered.as_bytes());
        assert!(refusal.contains(complaint), "{refusal}\n{complaint}");
    }
    let refusal = refusal(&wechatpay::format(""), csv.as_bytes());
    assert!(refusal.contains("its SHA-1 is"), "{refusal}");
}

#[test]
fn a_wechat_bill_of_refunds_alone_is_refused() {
    let csv = wechatpay::csv(&some_lines(Provider::WechatPay)).replacen("退款状态", "退款申请时间,退款状态", 1);
    let refusal = refusal(&wechatpay::format(&csv), csv.as_bytes());
    assert!(refusal.contains("bill_type=ALL"), "{refusal}");
}

#[test]
fn a_failed_wechat_refund_moved_no_money() {
    let csv = wechatpay::csv(&some_lines(Provider::WechatPay)).replace("`SUCCESS,`rice", "`FAIL,`rice");
    let lines = all(&FileFormat::WechatPayCsv { sha1: None }, csv.as_bytes()).expect("whole");
    assert!(lines.len() == 2 && !lines.iter().any(is_refund));
}

#[test]
fn unionpay_counts_bytes_and_reads_both_files() {
    let lines = some_lines(Provider::UnionPay);
    let zm = unionpay::settled(&lines);
    let files = [(unionpay::ZM, zm.as_bytes()), ("INN26112388ZME_777290058110048", unionpay::exception().as_bytes())]
        .map(|(name, bytes)| (name, bytes.to_vec()));
    let [zm_file, zme_file] = &files;
    let read =
        all(&FileFormat::UnionPayZip, &zip(&[(zm_file.0, &zm_file.1), (zme_file.0, &zme_file.1)])).expect("whole");
    assert_eq!(&read[..3], &lines);
    assert_eq!((read[3].number, read[3].refund_id.as_str()), (4, "E74-190624-1122080000"));
    assert_eq!((read[3].amount.minor, read[3].occurred_at), (500, None));
    for (name, bytes, complaint) in [
        ("other.txt", zm.clone(), "holds no file INN…ZM_…"),
        ("X26ZM_1", zm.clone(), "does not begin with INN and a date"),
        (unionpay::ZM, zm.replacen("S56 ", "S56x", 1), "line 1: field 1 is not 3 bytes and a blank"),
        (unionpay::ZM, zm[..zm.len() - 3].to_owned(), "line 3: field 42 is not 98 bytes"),
        (unionpay::ZM, zm.replacen(" 01 ", " 99 ", 1), "txnType \"99\""),
        (unionpay::ZM, zm.replacen("D000", "X000", 1), "neither D nor C"),
    ] {
        let refusal = refusal(&FileFormat::UnionPayZip, &zip(&[(name, bytes.as_bytes())]));
        assert!(refusal.contains(complaint), "{refusal}\n{complaint}");
    }
}

#[test]
fn a_trade_of_december_in_a_file_of_january_is_of_last_year() {
    let mut lines = some_lines(Provider::UnionPay);
    lines[0].occurred_at = Some(Instant::from_seconds(MIDNIGHT + 39 * 86_400));
    let file = zip(&[("INN27010188ZM_1", unionpay::settled(&lines[..1]).as_bytes())]);
    assert_eq!(all(&FileFormat::UnionPayZip, &file).expect("whole"), &lines[..1]);
}

#[test]
fn stripe_pages_end_with_the_one_that_says_so() {
    let lines = some_lines(Provider::Stripe);
    let pages = stripe::page(&lines[..2], true) + "\n" + &stripe::page(&lines[2..], false);
    assert_eq!(all(&FileFormat::StripeJson, pages.as_bytes()).expect("whole"), lines);
    let bare = stripe::transaction(&lines[0]);
    let (mut payout, mut unexpanded, mut wrong_sign) = (bare.clone(), bare.clone(), bare.clone());
    payout["type"] = "payout".into();
    unexpanded["source"] = "ch_1".into();
    wrong_sign["amount"] = (-5).into();
    assert_eq!(all(&FileFormat::StripeJson, format!("[{payout}]").as_bytes()).expect("whole"), []);
    for (file, complaint) in [
        (stripe::page(&lines, true), "the list is cut short"),
        (bare.to_string(), "neither a list of balance transactions nor a page of one"),
        (r#"{"data": []}"#.to_owned(), "does not say whether there is more"),
        (format!("[{unexpanded}]"), "expand[]=data.source"),
        (format!("[{wrong_sign}]"), "the sign of -5 is not that of a charge"),
        (format!("[{bare} {bare}]"), "cut short"),
        (String::new(), "cut short"),
    ] {
        let refusal = refusal(&FileFormat::StripeJson, file.as_bytes());
        assert!(refusal.contains(complaint), "{refusal}\n{complaint}");
    }
}

/// Money that Stripe moved under no number of ours is never left out.
#[test]
fn what_stripe_moved_otherwise_is_a_line_under_its_own_number() {
    let read = |kind: &str, amount: i64, source: serde_json::Value| {
        let text = serde_json::json!({"id": "txn_9", "type": kind, "amount": amount, "fee": 0, "currency": "cny",
            "created": MIDNIGHT, "source": source});
        stripe_line(text.to_string().as_bytes(), 1).expect("read")
    };
    let metadata = serde_json::json!({"out_trade_no": "o1", "out_refund_no": "r1"});
    let of = |object: &str| serde_json::json!({"id": "x_1", "object": object, "payment_intent": "pi_1", "metadata": metadata});
    let back = read("refund_failure", 500, of("refund")).expect("a line");
    assert_eq!((back.kind, back.amount.minor, back.out_trade_no.as_str()), (LineKind::Payment, 500, "o1"));
    assert_eq!((back.transaction_id.as_str(), back.out_refund_no.as_str()), ("txn_9", ""));
    for (kind, object) in
        [("payment_failure_refund", "charge"), ("payment_reversal", "charge"), ("adjustment", "dispute")]
    {
        let gone = read(kind, -500, of(object)).expect("a line");
        assert_eq!((gone.kind, gone.amount.minor, gone.refund_id.as_str()), (LineKind::Refund, 500, "txn_9"));
        assert_eq!(gone.transaction_id, "pi_1");
    }
    assert_eq!(read("adjustment", 500, of("dispute")).expect("won").kind, LineKind::Payment);
    assert_eq!(read("adjustment", 500, serde_json::Value::Null), None);
    assert_eq!(read("stripe_fee", -5, serde_json::Value::Null), None);
    let unexpanded =
        r#"{"id":"txn_9","type":"refund_failure","amount":5,"fee":0,"currency":"cny","created":1,"source":"re_1"}"#;
    assert!(stripe_line(unexpanded.as_bytes(), 1).is_err());
}

#[test]
fn a_fee_in_another_currency_is_no_fee_of_the_payment() {
    let mut transaction = stripe::transaction(&some_lines(Provider::Stripe)[0]);
    transaction["currency"] = "usd".into();
    let line = stripe_line(transaction.to_string().as_bytes(), 1).expect("read").expect("a payment");
    assert_eq!((line.amount.currency, line.fee_minor), (Currency::CNY, 0));
}

#[test]
fn a_charge_that_was_taken_in_part_brought_that_part() {
    let mut transaction = stripe::transaction(&some_lines(Provider::Stripe)[0]);
    transaction["source"]["amount_captured"] = 1000.into();
    let line = stripe_line(transaction.to_string().as_bytes(), 1).expect("read").expect("a payment");
    assert_eq!(line.amount.minor, 1000);
}

#[test]
fn rows_and_values_are_bounded() {
    let long = "x".repeat(2 << 20);
    assert!(refusal(&FileFormat::StripeJson, format!("[\"{long}\"]").as_bytes()).contains("larger than"));
    let csv = wechatpay::csv(&[]).replacen("\r\n", &format!("\r\n`{long}\r\n"), 1);
    assert!(refusal(&FileFormat::WechatPayCsv { sha1: None }, csv.as_bytes()).contains("longer than"));
    let names: Vec<_> = (0..65).map(|index| format!("{index}.csv")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), b"".as_slice())).collect();
    assert!(refusal(&FileFormat::AlipayZip, &zip(&members)).contains("65 files, more than 64"));
}
