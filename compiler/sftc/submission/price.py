"""Asks a service for the price of a job before the job is created."""

from sftc.payload.encoding import Payload
from sftc.submission.answers import first
from sftc.submission.client import Notify, Sending, ServiceClient
from sftc.submission.endpoint import placed
from sftc.submission.failures import PriceError, RefusedError, UnreachableError
from sftc.text.keys import ABSENT, look_up


def ask_price(payload: Payload, service: ServiceClient, tell: Notify, *, any_price: bool) -> None:
    """Tell the price of a job with the ids of its files, if the service has a request for it.

    A service that cannot say the price does not keep the job from being created.

    Raises:
        PriceError: the service says that the account cannot pay for the job, and `any_price` is not set.
    """
    facts = service.table.price
    if not facts:
        return
    asked: Payload = {}
    for place in facts.fields:
        if (value := look_up(payload, place)) is not ABSENT:
            asked = placed(asked, place, value)
    try:
        answer = service.call(facts.call, sending=Sending(asked), tries=2).body
    except (RefusedError, UnreachableError) as error:
        tell(f"warning: the price of the job is not known: {error}")
        return
    amount, tokens, limit = (look_up(answer, at) for at in (facts.amount, facts.tokens, facts.limit))
    if not isinstance(amount, int | float):
        why = first(answer, [facts.unavailable]) or "the service gave no reason"
        tell(f"warning: the price of the job is not known: {why}")
        return
    price = f"{facts.currency} {amount:,.2f}"
    for_tokens = f" for {tokens:,.0f} tokens" if isinstance(tokens, int | float) else ""
    can_spend = (
        f"; the account can spend {facts.currency} {limit:,.2f}" if isinstance(limit, int | float) else ""
    )
    tell(f"the job is estimated to cost {price}{for_tokens}{can_spend}")
    if look_up(answer, facts.allowed) is False and not any_price:
        raise PriceError(
            f"the service does not let the job proceed at {price}{can_spend}; no job was created"
            " (--no-preflight creates it)"
        )
