//! What JSON dialects share: fields read with the client's own spelling in every refusal, and
//! pictures spliced into bodies without a copy.
