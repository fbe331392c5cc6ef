"""Whether this site asks outside decision support about orders; which services, is for who asks them."""

from __future__ import annotations

from sqlalchemy import Connection, text

ASKS_OF_ORDERS = text(
    "SELECT EXISTS (SELECT FROM outside.cds_service WHERE hook IN ('order-select', 'order-sign') AND NOT disabled)"
)


def asks_of_orders(connection: Connection) -> bool:
    return connection.execute(ASKS_OF_ORDERS).scalar_one()
