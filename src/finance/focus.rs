//! Usage in the columns of FOCUS, the `FinOps` Foundation's form of a bill (version 1.2).
//!
//! What apps pay is in credits, a virtual currency: `PricingCurrency` says so. A bill is in a currency of
//! some nation, so `BilledCost` and its kin are at the worth of a credit, where one is given; else they
//! are credits too, which FOCUS does not know. What the vendor charges us is in `x_VendorCost`, in dollars.

use crate::credits::{NANOS_PER_UNIT, Overflow};

use super::line::{UsageLine, or_nothing};
use super::table::{Cell, Column, Kind, Row};

/// What every row says of whoever bills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Focus {
    /// Who sends the bill, as `ProviderName`, `PublisherName` and `InvoiceIssuerName`.
    pub issuer: String,
    /// What a credit is worth; `None` bills credits.
    pub worth: Option<Worth>,
}

/// What a credit is worth in the currency of the bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worth {
    /// The currency, such as USD.
    pub currency: String,
    /// Billionths of it for one credit.
    pub nanos: i64,
}

/// The currency that everything is priced in.
const CREDITS: &str = "credits";

const COLUMNS: [(&str, Kind); 37] = [
    ("BilledCost", Kind::Money),
    ("BillingAccountId", Kind::Text),
    ("BillingAccountName", Kind::Text),
    ("BillingCurrency", Kind::Text),
    ("BillingPeriodStart", Kind::Time),
    ("BillingPeriodEnd", Kind::Time),
    ("ChargeCategory", Kind::Text),
    ("ChargeClass", Kind::Text),
    ("ChargeDescription", Kind::Text),
    ("ChargeFrequency", Kind::Text),
    ("ChargePeriodStart", Kind::Time),
    ("ChargePeriodEnd", Kind::Time),
    ("ConsumedQuantity", Kind::Whole),
    ("ConsumedUnit", Kind::Text),
    ("ContractedCost", Kind::Money),
    ("EffectiveCost", Kind::Money),
    ("InvoiceIssuerName", Kind::Text),
    ("ListCost", Kind::Money),
    ("PricingCategory", Kind::Text),
    ("PricingCurrency", Kind::Text),
    ("PricingCurrencyEffectiveCost", Kind::Money),
    ("PricingQuantity", Kind::Whole),
    ("PricingUnit", Kind::Text),
    ("ProviderName", Kind::Text),
    ("PublisherName", Kind::Text),
    ("ResourceId", Kind::Text),
    ("ServiceCategory", Kind::Text),
    ("ServiceName", Kind::Text),
    ("SkuId", Kind::Text),
    ("SkuPriceId", Kind::Text),
    ("SubAccountId", Kind::Text),
    ("SubAccountName", Kind::Text),
    ("Tags", Kind::Text),
    ("x_KeyId", Kind::Text),
    ("x_RequestId", Kind::Text),
    ("x_Vendor", Kind::Text),
    ("x_VendorCost", Kind::Money),
];

impl Focus {
    /// The columns.
    pub fn columns() -> Vec<Column> {
        COLUMNS.into_iter().map(|(name, kind)| Column::new(name, kind)).collect()
    }

    /// A line as a charge; `None` for lines that nobody was charged for and no vendor bills.
    pub fn row(&self, line: &UsageLine) -> Result<Option<Row>, Overflow> {
        if line.charged_nanos == 0 && line.cost_nanos == 0 && line.images == 0 {
            return Ok(None);
        }
        let billed = self.billed(line.charged_nanos)?;
        let (day, images) = (line.day(), Cell::from(line.images));
        let sku: Vec<&str> = [&line.model, &line.size, &line.quality]
            .into_iter()
            .filter_map(|part| part.as_deref())
            .collect();
        let sku = sku.join("/");
        let charged = || Cell::from(billed);
        let currency = self.worth.as_ref().map_or(CREDITS, |worth| worth.currency.as_str());
        let described = format!("{} by {}", line.operation.as_deref().unwrap_or("call"), sku);
        Ok(Some(vec![
            charged(),
            self.issuer.as_str().into(),
            self.issuer.as_str().into(),
            currency.into(),
            day.month_begins().begins_ms().into(),
            day.month_ends().begins_ms().into(),
            "Usage".into(),
            Cell::Nothing,
            described.into(),
            "Usage-Based".into(),
            line.at_ms.into(),
            line.at_ms.saturating_add(1).into(),
            images.clone(),
            "Images".into(),
            charged(),
            charged(),
            self.issuer.as_str().into(),
            charged(),
            "Standard".into(),
            CREDITS.into(),
            line.charged_nanos.into(),
            images,
            "Images".into(),
            self.issuer.as_str().into(),
            self.issuer.as_str().into(),
            or_nothing(line.key.as_ref()),
            "AI and Machine Learning".into(),
            "Image generation".into(),
            sku.into(),
            or_nothing(line.price_version.as_ref().or(Some(&line.policy_version))),
            or_nothing(line.workspace.as_ref()),
            or_nothing(line.workspace_name.as_ref()),
            line.labels_text().into(),
            or_nothing(line.key.as_ref()),
            line.request.as_str().into(),
            or_nothing(line.vendor.as_ref()),
            line.cost_nanos.into(),
        ]))
    }

    /// Credits in the currency of the bill, rounded to the nearest billionth.
    fn billed(&self, nano_credits: i64) -> Result<i64, Overflow> {
        let Some(worth) = &self.worth else { return Ok(nano_credits) };
        let exact = i128::from(nano_credits).checked_mul(worth.nanos.into()).ok_or(Overflow)?;
        let unit = i128::from(NANOS_PER_UNIT);
        let rounded = exact.saturating_add(unit / 2).div_euclid(unit);
        i64::try_from(rounded).map_err(|_| Overflow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_charge_with_a_cell_for_each_column() {
        let focus = Focus { issuer: "Acme Platform".to_owned(), worth: None };
        let line = UsageLine {
            at_ms: 1_000,
            images: 2,
            charged_nanos: 7,
            cost_nanos: 3,
            ..UsageLine::default()
        };
        let row = focus.row(&line).unwrap().unwrap();
        assert_eq!(row.len(), COLUMNS.len());
        let cell = |name: &str| {
            let place = COLUMNS.iter().position(|(column, _)| *column == name).unwrap();
            row[place].clone()
        };
        assert_eq!((cell("BilledCost"), cell("x_VendorCost")), (7_i64.into(), 3_i64.into()));
        assert_eq!(cell("ConsumedQuantity"), 2_i64.into());
        assert_eq!(cell("BillingPeriodStart"), 0_i64.into());
    }

    #[test]
    fn a_bill_in_dollars_says_what_its_credits_are_worth() {
        let worth = Worth { currency: "USD".to_owned(), nanos: 15_000_000 };
        let focus = Focus { issuer: "Acme Platform".to_owned(), worth: Some(worth) };
        let line = UsageLine { charged_nanos: 333_333_333, ..UsageLine::default() };
        let row = focus.row(&line).unwrap().unwrap();
        let cell = |name: &str| {
            let place = COLUMNS.iter().position(|(column, _)| *column == name).unwrap();
            row[place].clone()
        };
        assert_eq!(
            (cell("BilledCost"), cell("BillingCurrency")),
            (5_000_000_i64.into(), "USD".into())
        );
        let priced = (cell("PricingCurrencyEffectiveCost"), cell("PricingCurrency"));
        assert_eq!(priced, (333_333_333_i64.into(), "credits".into()));
        let dear = UsageLine { charged_nanos: i64::MAX, ..UsageLine::default() };
        let gold = Worth { currency: "XAU".to_owned(), nanos: i64::MAX };
        let focus = Focus { issuer: String::new(), worth: Some(gold) };
        assert_eq!(focus.row(&dear), Err(Overflow));
    }

    /// The columns that FOCUS 1.2 calls mandatory.
    const MANDATORY: [&str; 21] = [
        "BilledCost",
        "BillingAccountId",
        "BillingAccountName",
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "ChargeCategory",
        "ChargeClass",
        "ChargeDescription",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "ContractedCost",
        "EffectiveCost",
        "InvoiceIssuerName",
        "ListCost",
        "PricingQuantity",
        "PricingUnit",
        "ProviderName",
        "PublisherName",
        "ServiceCategory",
        "ServiceName",
    ];

    #[test]
    fn every_mandatory_column_is_there() {
        for name in MANDATORY {
            assert!(COLUMNS.iter().any(|(column, _)| *column == name), "{name}");
        }
    }

    #[test]
    fn what_cost_nobody_anything_is_no_charge() {
        let focus = Focus { issuer: String::new(), worth: None };
        assert_eq!(focus.row(&UsageLine::default()), Ok(None));
    }
}
