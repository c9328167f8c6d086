//! The pictures of an order that was served: fetched from where the vendor says that they lie, and
//! known to be some.

use bytes::Bytes;
use tokio::time::Instant;

use crate::canonical::{ImageResponse, Picture};
use crate::catalog::Vendor;
use crate::fault::VendorFault;

use super::super::Gateway;
use super::{POLLS_LOST_MAX, Terms, WAIT_FIRST, longer, no_picture};

impl Gateway {
    /// The response with every picture here and known to be one.
    pub(super) async fn here(
        &self,
        vendor: &Vendor,
        terms: Terms<'_>,
        mut response: ImageResponse,
    ) -> Result<ImageResponse, VendorFault> {
        for image in &mut response.images {
            if let Picture::Url(url) = &image.picture {
                let bytes = Box::pin(self.picture_at(vendor, terms, url)).await?;
                image.picture = Picture::Binary(bytes);
            }
            image.format = image.picture.sniff().filter(|_| image.picture.is_whole());
            if image.format.is_none() {
                let detail = "what it calls a picture is none".to_owned();
                return Err(VendorFault::Garbled { detail });
            }
        }
        if response.images.is_empty() { Err(no_picture()) } else { Ok(response) }
    }

    /// A picture from its address, which is asked like any question about an order: again where the
    /// question came to nothing, for it buys nothing.
    async fn picture_at(
        &self,
        vendor: &Vendor,
        Terms { account, deadline, .. }: Terms<'_>,
        url: &str,
    ) -> Result<Bytes, VendorFault> {
        let mut wait = WAIT_FIRST;
        for _ in 0..POLLS_LOST_MAX {
            let fault = match self.upstream.fetch(vendor, account, url, deadline).await {
                Ok(bytes) => return Ok(bytes),
                Err(fault) => fault,
            };
            if !fault.may_pass() || Instant::now() + wait >= deadline {
                return Err(drawn(fault));
            }
            tracing::info!(vendor = vendor.name, %fault, "a picture is fetched once more");
            tokio::time::sleep(wait).await;
            wait = longer(wait);
        }
        self.upstream.fetch(vendor, account, url, deadline).await.map_err(drawn)
    }
}

/// The fault of a picture that cannot be had. It is drawn and billed, so that none that says that
/// nothing was done may be told of it.
fn drawn(fault: VendorFault) -> VendorFault {
    if fault.outcome_unknown() {
        return fault;
    }
    VendorFault::Cut { detail: format!("its picture cannot be fetched: {fault}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_cannot_be_fetched_is_never_said_not_to_have_been_drawn() {
        let faults = [
            VendorFault::Unreachable { detail: "no address".to_owned() },
            VendorFault::Broken { status: 503 },
            VendorFault::Busy { retry_after: None },
            VendorFault::Denied { detail: "no token".to_owned() },
            VendorFault::TimedOut,
        ];
        for fault in faults {
            assert!(drawn(fault.clone()).outcome_unknown(), "{fault}");
        }
    }
}
