"""What schemathesis cannot know from the description: where apps may be told of a job's end, when, and what is played."""

import os

import schemathesis

WEBHOOK = "Pixelgate-Webhook"
SIMULATE = "Pixelgate-Simulate"


@schemathesis.hook
def before_call(context, case, kwargs) -> None:
    """A request that is to be right names a place that is listed, or none where it comes to no job."""
    is_right = case.meta is not None and case.meta.generation.mode.is_positive
    if is_right and SIMULATE in (case.headers or {}):
        # What is played is another answer than the one that is described for what is asked.
        del case.headers[SIMULATE]
    if not is_right or WEBHOOK not in (case.headers or {}):
        return
    if case.path == "/v1/images" or case.headers.get("Prefer") == "respond-async":
        case.headers[WEBHOOK] = os.environ["PIXELGATE_WEBHOOK"]
    else:
        del case.headers[WEBHOOK]
