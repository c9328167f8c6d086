//! Usage in the columns of FOCUS, the `FinOps` Foundation's form of a bill (version 1.2).
//!
//! What apps pay is in credits, a virtual currency: `BilledCost` and its kin are credits, and
//! `PricingCurrency` says so. What the vendor charges us is in `x_VendorCost`, in dollars.

use super::line::{UsageLine, or_nothing};
use super::table::{Cell, Column, Kind, Row};

/// What every row says of whoever bills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Focus {
    /// Who sends the bill, as `ProviderName`, `PublisherName` and `InvoiceIssuerName`.
    pub issuer: String,
    /// `BillingCurrency` and `PricingCurrency`.
    pub currency: String,
}

const COLUMNS: [(&str, Kind); 36] = [
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
    pub fn row(&self, line: &UsageLine) -> Option<Row> {
        if line.charged_nanos == 0 && line.cost_nanos == 0 && line.images == 0 {
            return None;
        }
        let (day, images) = (line.day(), Cell::from(line.images));
        let sku: Vec<&str> = [&line.model, &line.size, &line.quality]
            .into_iter()
            .filter_map(|part| part.as_deref())
            .collect();
        let sku = sku.join("/");
        let charged = || Cell::from(line.charged_nanos);
        let described = format!("{} by {}", line.operation.as_deref().unwrap_or("call"), sku);
        Some(vec![
            charged(),
            self.issuer.as_str().into(),
            self.issuer.as_str().into(),
            self.currency.as_str().into(),
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
            self.currency.as_str().into(),
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
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_charge_with_a_cell_for_each_column() {
        let focus = Focus { issuer: "Acme Platform".to_owned(), currency: "credits".to_owned() };
        let line = UsageLine {
            at_ms: 1_000,
            images: 2,
            charged_nanos: 7,
            cost_nanos: 3,
            ..UsageLine::default()
        };
        let row = focus.row(&line).unwrap();
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
    fn what_cost_nobody_anything_is_no_charge() {
        let focus = Focus { issuer: String::new(), currency: String::new() };
        assert_eq!(focus.row(&UsageLine::default()), None);
    }
}
