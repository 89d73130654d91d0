"""Every table of the product in one metadata: what migrations are held against."""

from sqlmodel import SQLModel

import app.access_log.tables
import app.activation.tables
import app.agencies.tables
import app.alerts.tables
import app.cases.tables
import app.files.tables
import app.outbox.tables
import app.retention.tables  # noqa: F401 - the imports register the tables

METADATA = SQLModel.metadata
