//! The process itself: CPU, memory, files, threads, under the names that every dashboard knows; and
//! which build it is.

use prometheus::Registry;

use super::gauges;

pub(super) fn register(r: &Registry) -> Result<(), prometheus::Error> {
    // Only Linux says these.
    #[cfg(target_os = "linux")]
    {
        use prometheus::process_collector::ProcessCollector;
        r.register(Box::new(ProcessCollector::for_self()))?;
    }
    let build = gauges(r, "pixelgate_build_info", "1 for the build that runs", &["version"])?;
    build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    Ok(())
}
