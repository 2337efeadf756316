"""All that can happen, in order: read this to know what the bot can do.

Results, clicks and delivery reports (`interviews`, `links`, `deliveries`) concern one application, and nobody waits
for an answer: the dispatcher calls them directly.
"""

from handlers import confirm, fallback
from handlers.candidate import bind, leave, slots, status, uploads
from handlers.hr import (
    batches,
    contacts,
    dashboard,
    decisions,
    export,
    groups,
    history,
    importing,
    language,
    lookup,
    members,
    new_links,
    numbers,
    reviews,
    todo,
)
from handlers.routing import Routes

MODULES = (
    bind,  # who is this?
    status,  # where do I stand?
    uploads,  # consent, then the certificate
    slots,  # when do we meet?
    leave,  # a person, not now, not me, no more
    lookup,  # /help, /status
    todo,  # /todo, /done, follow-up cards
    decisions,  # /pass, /reject, review cards
    reviews,  # /cert, document cards
    history,  # /why
    numbers,  # /funnel, /alerts, /threshold
    batches,  # /remind, /mute, /pause, /resume
    new_links,  # the interview's page is dead
    contacts,  # /contact
    export,  # /export
    importing,  # /import, lists that are sent
    members,  # /member, who has left
    dashboard,  # /dashboard
    language,  # /lang
    groups,  # where HR talks together
    confirm,  # yes and no
    fallback,  # nothing matched
)

routes = Routes()
for _module in MODULES:
    routes.include(_module.routes)
