"""${message}."""

import sqlalchemy as sa
from alembic import op

import storage.types
% if down_revision is None:
from storage.append_only import protect
% endif
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
% if down_revision is None:
    protect(op.get_bind(), "events", "trail")
% endif


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
