"""Who carries a message out: the local mailbox by default, SMTP where a site names a server, others by entry point.

`almoner.senders`: functions `(Settings) -> Sender`, named as ALMONER_EMAIL_SENDER and ALMONER_SMS_SENDER name them.
"""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from importlib.metadata import entry_points
from typing import Protocol
from urllib.parse import unquote, urlsplit

from ehr_core.kernel.clock import SystemClock
from ehr_core.kernel.errors import StartupFailed, Unavailable
from ehr_core.kernel.settings import Settings

GROUP = "almoner.senders"
TIMEOUT_SECONDS = 20
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Outgoing:
    """What is sent: the address, the words, and an id that stays the same when it is tried again."""

    message_id: str
    channel: str
    address: str
    subject: str | None
    body: str


class Sender(Protocol):
    name: str
    keeps_here: bool
    """True: nothing leaves this installation, so the mailbox page may show the links."""

    def send(self, message: Outgoing) -> None:
        """Raises Unavailable when it may be tried again later, any other error when it may not."""
        ...


@dataclass(frozen=True)
class MailboxSender:
    """Sends nothing: the message stands in the mailbox of this installation, for everybody who may read that."""

    name: str = "mailbox"
    keeps_here: bool = True

    def send(self, message: Outgoing) -> None:
        return None


@dataclass(frozen=True)
class SmtpSender:
    """E-mail over SMTP, encrypted: 'smtps://' from the start, 'smtp://' by STARTTLS.

    A server on this very machine may be spoken to in the clear.
    """

    url: str
    mail_from: str
    name: str = "smtp"
    keeps_here: bool = False

    def send(self, message: Outgoing) -> None:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = self.mail_from, message.address, message.subject or ""
        mail["Date"] = format_datetime(SystemClock().now())
        domain = self.mail_from.rpartition("@")[2].rstrip(">")
        mail["Message-ID"] = f"<{message.message_id}@{domain}>" if domain else make_msgid()
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.body)
        try:
            with self._connected() as server:
                server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            raise ValueError("The mail server refuses this address.") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unavailable("The mail server did not take the message.") from error

    def _connected(self) -> smtplib.SMTP:
        where = urlsplit(self.url)
        host = where.hostname or ""
        context = ssl.create_default_context()
        if where.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                host, where.port or 465, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(host, where.port or 587, timeout=TIMEOUT_SECONDS)
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
            elif host not in LOOPBACK:
                server.close()
                raise Unavailable("The mail server offers no encryption, so nothing was sent.")
        if where.username:
            server.login(unquote(where.username), unquote(where.password or ""))
        return server


def senders(settings: Settings) -> Mapping[str, Sender]:
    """The sender of each channel, by the settings. Raises StartupFailed for a name that nothing stands for."""
    email = settings.email_sender or ("smtp" if settings.smtp_url else "mailbox")
    return {"email": _sender(email, settings), "sms": _sender(settings.sms_sender, settings)}


def _sender(name: str, settings: Settings) -> Sender:
    if name == "mailbox":
        return MailboxSender()
    if name == "smtp":
        if not settings.smtp_url or not settings.mail_from:
            raise StartupFailed("E-mail by SMTP needs ALMONER_SMTP_URL and ALMONER_MAIL_FROM.")
        return SmtpSender(settings.smtp_url, settings.mail_from)
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            return entry.load()(settings)
    raise StartupFailed(
        f"There is no sender '{name}'. It can be mailbox, smtp, or one that a package brings."
    )
