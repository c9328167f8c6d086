//! The bounds that requests meet: their names in config and as labels.

/// A bound that a request can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// `public.head_bytes_max`
    HeadBytes,
    /// `public.head_fields_max`
    HeadFields,
    /// `public.body_bytes_max`
    BodyBytes,
    /// `public.head_timeout`
    HeadTime,
    /// `public.body_timeout`
    BodyTime,
    /// `public.in_flight_max`
    InFlight,
    /// `public.in_flight_bytes_max`
    InFlightBytes,
    /// `public.in_flight_bytes_per_workspace_max`
    InFlightBytesPerWorkspace,
    /// `public.answers_in_flight_bytes_max`
    AnswersInFlightBytes,
    /// `public.connections_max`
    Connections,
    /// `public.write_timeout`
    WriteTime,
    /// `batch.items_max` of a plan
    BatchItems,
    /// `jobs.queued_per_workspace_max`
    JobsQueued,
    /// `jobs.untold_per_workspace_max`
    JobsUntold,
    /// `jobs.input_bytes_max`
    JobInput,
    /// `jobs.time_max`
    JobTime,
    /// `input_pictures.in_flight_bytes_max`
    InputPicturesBytes,
    /// `plans.*.pictures_max`
    Pictures,
    /// `plans.*.pictures_bytes_max`
    PicturesBytes,
    /// `limits.wrong_keys_max`
    WrongKeys,
}

impl Bound {
    /// Its name in config and as a label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeadBytes => "head_bytes_max",
            Self::HeadFields => "head_fields_max",
            Self::BodyBytes => "body_bytes_max",
            Self::HeadTime => "head_timeout",
            Self::BodyTime => "body_timeout",
            Self::InFlight => "in_flight_max",
            Self::InFlightBytes => "in_flight_bytes_max",
            Self::InFlightBytesPerWorkspace => "in_flight_bytes_per_workspace_max",
            Self::AnswersInFlightBytes => "answers_in_flight_bytes_max",
            Self::Connections => "connections_max",
            Self::WriteTime => "write_timeout",
            Self::BatchItems => "batch.items_max",
            Self::JobsQueued => "queued_per_workspace_max",
            Self::JobsUntold => "untold_per_workspace_max",
            Self::JobInput => "input_bytes_max",
            Self::JobTime => "time_max",
            Self::InputPicturesBytes => "input_pictures.in_flight_bytes_max",
            Self::Pictures => "pictures_max",
            Self::PicturesBytes => "pictures_bytes_max",
            Self::WrongKeys => "wrong_keys_max",
        }
    }
}
