//! A receipt as a row of the usage table.

use rusqlite::{Connection, params};

use crate::canonical::Quality;
use crate::id::HoldId;
use crate::receipt::Receipt;

/// Writes one usage row.
pub(super) fn write(database: &Connection, receipt: &Receipt) -> rusqlite::Result<()> {
    let caller = receipt.caller.as_ref();
    database
        .prepare_cached(
            "INSERT INTO usage (request, at_ms, workspace, key, plan, test, dialect, operation,
                                model, vendor, offering, images_asked, images, size, quality,
                                hold, charged_nanos, cost_nanos, attempts, outcome, status,
                                total_us, vendor_us, store_us, answer_bytes, policy_version,
                                outcome_unknown, labels, pixels_asked, price_version,
                                cost_version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31)",
        )?
        .execute(params![
            receipt.request_id.as_str(),
            receipt.unix_ms,
            caller.map(|caller| caller.workspace.as_str()),
            caller.map(|caller| caller.key.as_str()),
            caller.map(|caller| caller.plan.as_str()),
            caller.is_some_and(|caller| caller.test),
            receipt.dialect,
            receipt.operation,
            receipt.model,
            receipt.vendor,
            receipt.offering,
            receipt.images_asked,
            receipt.images,
            receipt.size.map(|size| size.to_string()),
            receipt.quality.map(Quality::name),
            receipt.hold.as_ref().map(HoldId::as_str),
            receipt.charged.nanos(),
            receipt.cost.nanos(),
            receipt.attempts,
            receipt.outcome(),
            receipt.status,
            counted(receipt.total_us),
            counted(receipt.vendor_us),
            counted(receipt.store_us),
            counted(receipt.answer_bytes),
            &*receipt.policy_version,
            receipt.outcome_unknown,
            super::json(&receipt.labels)?,
            counted(receipt.pixels_asked),
            receipt.price_version.as_deref(),
            receipt.cost_version.as_deref()
        ])?;
    Ok(())
}

fn counted(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
