import socketserver
import threading

import pytest
from django.core.mail import EmailMessage

from accounts.services import emails


class Talk(socketserver.StreamRequestHandler):
    """A mail server that refuses `nobody…` and closes the connection at `gone…`."""

    def handle(self):
        self.server.connections += 1
        self.say(220)
        in_text = False
        for line in self.rfile:
            word = line.strip().upper()
            if in_text:
                in_text = word != b"."
                if not in_text:
                    self.say(250)
            elif word.startswith(b"RCPT"):
                address = line.decode().partition("<")[2].partition(">")[0]
                if address.startswith("gone"):
                    return
                is_known = not address.startswith("nobody")
                if is_known:
                    self.server.taken.append(address)
                self.say(250 if is_known else 550)
            elif word == b"DATA":
                in_text = True
                self.say(354)
            elif word == b"QUIT":
                self.say(221)
                return
            else:
                self.say(250)

    def say(self, code):
        self.wfile.write(b"%d ok\r\n" % code)


@pytest.fixture
def server(settings):
    """A mail server; ``taken`` are the addresses of accepted emails."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk) as server:
        server.daemon_threads = True
        server.taken, server.connections = [], 0
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.server_address
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def to(*names):
    return [EmailMessage("Fees", "₹750.00", to=[f"{name}@example.com"]) for name in names]


def test_refused_email_does_not_stop_the_others(server):
    assert emails.send_all(to("asha", "nobody", "ravi")) == [True, False, True]
    assert server.taken == ["asha@example.com", "ravi@example.com"]
    assert server.connections == 1


def test_lost_connection_stops_the_rest(server):
    assert emails.send_all(to("asha", "gone", "ravi")) == [True, False, False]
    assert server.connections == 1


def test_nothing_is_sent_without_a_server(server, settings):
    settings.EMAIL_PORT = 1

    assert emails.send_all(to("asha", "ravi")) == [False, False]
    assert emails.send_all([]) == []
