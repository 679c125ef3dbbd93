//! No question on a hot path reads a table from end to end.

use sqlx::{AssertSqlSafe, ConnectOptions as _, Row as _};

use super::*;
use crate::testing::On;
use crate::{AuditFilter, FetchFilter, ImageFilter, MetaFilter, MetaOperator, MetaValue};

/// How a question would be answered, a step a line.
async fn plan(test: &TestCatalog, question: &str) -> Vec<String> {
    match &test.config.database {
        DatabaseUrl::Sqlite(_) => {
            let mut reader = test.catalog.inner.database.acquire().await.unwrap();
            let rows = query(format!("explain query plan {question}")).fetch_all(&mut reader).await;
            rows.unwrap().iter().map(|row| row.try_get("detail").unwrap()).collect()
        }
        DatabaseUrl::Postgres(url) => postgres_plan(url, question).await,
    }
}

/// PostgreSQL reads a small table from end to end whatever there is. Forbidden that, it shows whether there is a way that
/// a large one would be read by.
async fn postgres_plan(url: &Secret, question: &str) -> Vec<String> {
    let options = crate::database::connect_options(url).unwrap();
    let mut line = options.connect().await.unwrap();
    let values = (1..).take_while(|number| question.contains(&format!("${number}"))).map(|_| "null");
    let values = values.collect::<Vec<_>>().join(", ");
    let prepare = format!(
        "set enable_seqscan = off; set enable_sort = off; set enable_bitmapscan = off;
         set plan_cache_mode = force_generic_plan; prepare asked as {question}"
    );
    sqlx::raw_sql(AssertSqlSafe(prepare)).execute(&mut line).await.unwrap();
    let values = if values.is_empty() { values } else { format!("({values})") };
    let explain = format!("explain (costs off) execute asked{values}");
    let rows = sqlx::raw_sql(AssertSqlSafe(explain)).fetch_all(&mut line).await.unwrap();
    rows.iter().map(|row| row.try_get(0).unwrap()).collect()
}

async fn check_no_scan(test: &TestCatalog, question: &str) {
    let plan = plan(test, question).await;
    let tables = [
        "images",
        "image_metadata",
        "m",
        "accounts",
        "variants",
        "signing_keys",
        "signing_schemes",
        "verifying_keys",
        "token_uses",
        "fetches",
        "found_qualities",
        "scheme_report_days",
        "api_tokens",
        "sessions",
        "changes",
        "signing_key_hours",
        "api_token_hours",
        "account_days",
        "account_hours",
        "image_days",
        "doomed",
        "renditions_at_rest",
        "audit",
        "audit_seals",
    ];
    let scans = |step: &String| match super::ON {
        On::Sqlite => {
            tables.iter().any(|table| step.split(" USING").next() == Some(&format!("SCAN {table}")))
        }
        On::Postgres => step.contains("Seq Scan"),
    };
    assert!(!plan.is_empty() && !plan.iter().any(scans), "{question}\n{plan:#?}");
    // An index that is read from end to end is no better than its table.
    let count = |text: &str| plan.iter().filter(|step| step.contains(text)).count();
    let indexes = count("Index Scan") + count("Index Only Scan");
    assert!(indexes == count("Index Cond:"), "{question}\n{plan:#?}");
}

#[tokio::test]
async fn lists_of_images_walk_an_index() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let metadata = |count: usize| {
        let filter = MetaFilter {
            field: "a.b".into(),
            operator: MetaOperator::In,
            values: vec![MetaValue::Any("x".into()), MetaValue::Number(1.0)],
        };
        vec![filter; count]
    };
    let one_value = || MetaFilter {
        field: "a.b".into(),
        operator: MetaOperator::Eq,
        values: vec![MetaValue::Text("x".into())],
    };
    let all = ImageFilter::default;
    let filters = [
        all(),
        ImageFilter { creator: Some(Some("ada".into())), ..all() },
        ImageFilter { creator: Some(None), ..all() },
        ImageFilter { private: Some(true), ..all() },
        ImageFilter { format: Some(Format::Jpeg), ..all() },
        ImageFilter { search: Some("img".into()), ..all() },
        ImageFilter { metadata: metadata(5), ..all() },
        ImageFilter { metadata: vec![one_value()], ..all() },
        ImageFilter {
            creator: Some(None),
            private: Some(true),
            format: Some(Format::Png),
            search: Some("a".into()),
            metadata: metadata(1),
        },
    ];
    for filter in &filters {
        for question in crate::image_pages::questions(&account, filter) {
            check_no_scan(&test, &question).await;
        }
    }
    let one_value = ImageFilter { metadata: vec![one_value()], ..all() };
    for question in [
        &crate::image_pages::questions(&account, &all())[0],
        &crate::image_pages::questions(&account, &one_value)[1],
    ] {
        let plan = plan(&test, question).await;
        assert!(
            !plan.iter().any(|step| step.contains("TEMP B-TREE") || step.contains("Sort")),
            "a page comes in order: {plan:?}"
        );
    }
}

#[tokio::test]
async fn look_ups_and_deliveries_use_an_index() {
    let test = fresh().await;
    let questions = [
        "select * from images where account = $1 and id = $2",
        "select * from images where account = $1 and sha256 = $2 and facts is not null limit 1",
        "select * from images where account = $1 and idempotency_key = $2 and uploaded_at >= $3",
        "select exists (select 1 from images where object = $2 and account = $1)",
        "select private, object, day, sha256, bytes, facts from images
         where account = $1 and id = $2 and facts is not null",
        "delete from image_metadata where image = $1",
        "select id, hash, handle, policy, private_custom from accounts where hash = $1",
        "select id, hash, handle, policy, private_custom from accounts where handle = $1",
        "select * from signing_schemes where account = $1",
        "select * from verifying_keys where account = $1 order by scheme, created_at desc, name",
        "select name, state, verify_until from verifying_keys where account = $1",
        "select used from token_uses where account = $1 and counter = $2",
        "select * from variants where account = $1",
        "select * from signing_keys where account = $1 order by signs desc, created_at desc, name",
        "select * from api_tokens where digest = $1",
        "select * from api_tokens where account = $1 order by created_at desc, id",
        "select p.*, s.started_at from sessions s join people p on p.id = s.person where s.digest = $1",
    ];
    for question in questions {
        check_no_scan(&test, question).await;
    }
}

#[tokio::test]
async fn what_is_done_over_and_over_uses_an_index() {
    let test = fresh().await;
    let questions = [
        "select account, name, hour from signing_key_hours where hour < $1 limit $2",
        "select token, hour from api_token_hours where hour < $1 limit $2",
        "select account, day, variant, result, format from account_days where day < $1 limit $2",
        "select account, hour, options, signed from account_hours where hour < $1 limit $2",
        "select object, day from image_days where day < $1 limit $2",
        "select account, minute, digest from fetches where minute < $1 limit $2",
        "select account, scheme, day, verdict from scheme_report_days where day < $1 limit $2",
        "select account, counter from token_uses where until_s < $1 limit $2",
        "select verdict, cast(sum(requests) as bigint) as requests, max(last_at) as last_at
         from scheme_report_days where account = $1 and scheme = $2 and day > $3 group by verdict",
        "select * from doomed where id > $1 order by id limit $2",
        "select * from renditions_at_rest where used_at < $1 order by used_at limit $2",
        "select exists (select 1 from renditions_at_rest where object = $1 and digest = $2)",
        "select last_row, digest from audit_seals where account = $1 order by last_row desc limit 1",
    ];
    for question in questions {
        check_no_scan(&test, question).await;
    }
    for account in ["is null", "= $4"] {
        let question = format!(
            "select * from audit where id > $1 and id <= $2 and account {account} order by account, id limit $3"
        );
        check_no_scan(&test, &question).await;
        let plan = plan(&test, &question).await;
        assert!(plan.iter().any(|step| step.contains("audit_by_account")), "{plan:?}");
    }
}

/// The index by which a question is answered, and that nothing is put into order afterwards.
async fn check_in_order(test: &TestCatalog, question: &str, index: &str) {
    check_no_scan(test, question).await;
    let plan = plan(test, question).await;
    let sorted = plan.iter().any(|step| step.contains("TEMP B-TREE") || step.contains("Sort"));
    assert!(!sorted && plan.iter().any(|step| step.contains(index)), "{question}\n{plan:#?}");
}

#[tokio::test]
async fn pages_of_logs_come_in_the_order_of_an_index() {
    let test = fresh().await;
    let account = account_of(&test.catalog).await;
    let text = |text: &str| Some(text.to_owned());
    let (all, time) = (FetchFilter::default, Some(Timestamp::from_seconds(1)));
    let fetches = [
        (FetchFilter { from: time, to: time, ..all() }, "fetches"),
        (FetchFilter { image: text("cat"), ..all() }, "fetches_by_image"),
        (FetchFilter { key: text("web"), ..all() }, "fetches_by_key"),
        (FetchFilter { subject: text("ada"), ..all() }, "fetches_by_subject"),
        (FetchFilter { token_id: text("token-00"), ..all() }, "fetches_by_token_id"),
        (FetchFilter { verdict: text("refused"), ..all() }, "fetches_refused"),
    ];
    for (filter, index) in &fetches {
        for question in crate::fetches::questions(&account, filter) {
            check_in_order(&test, &question, index).await;
        }
    }
    let all = AuditFilter::default;
    let audit = [
        (AuditFilter { from: time, to: time, ..all() }, "audit_by_time"),
        (AuditFilter { act: text("key.use"), ..all() }, "audit_by_account_act"),
        (AuditFilter { actor: text("command"), ..all() }, "audit_by_account_actor"),
    ];
    for (filter, index) in &audit {
        for question in crate::audit::questions(&account, filter) {
            check_in_order(&test, &question, index).await;
        }
    }
}
