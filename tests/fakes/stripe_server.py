"""Stripe on localhost: customers, checkout, subscriptions, invoices, signed webhooks, with state.

It refuses what Stripe refuses (wrong keys, unknown objects, an idempotency key used for something
else), and keeps every event as the object stood then, for tests to deliver in any order.
"""

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

KEY: Final = "sk_test_of_the_fake"
SECRET: Final = "whsec_of_the_fake"
MONTH_S: Final = 30 * 86_400
# The version in which events are written: older than the library's, as with a real account.
VERSION: Final = "2024-06-20"
# A page with an icon, which a browser would ask for otherwise.
HEAD: Final = '<!doctype html><title>Stripe</title><link rel="icon" href="data:,">'

Thing = dict[str, Any]


class Refusal(Exception):
    """An answer with an error, as Stripe words it."""

    def __init__(self, status: int, code: str, *, kind: str = "invalid_request_error") -> None:
        super().__init__(code)
        self.status = status
        self.error = {"type": kind, "code": code, "message": f"refused: {code}"}


def nested(body: str) -> Thing:
    """`a[b][0]=c` as {"a": {"b": {"0": "c"}}}, which is how Stripe is told of lists."""
    found: Thing = {}
    for name, value in parse_qsl(body, keep_blank_values=True):
        *path, last = name.replace("]", "").split("[")
        inner = found
        for part in path:
            inner = inner.setdefault(part, {})
        inner[last or str(len(inner))] = value
    return found


class Stripe:
    """All that one account at Stripe holds; `asked` are the calls, with their idempotency keys."""

    def __init__(self) -> None:
        self.base_url = ""
        self._lock = threading.RLock()
        self.forget()

    def forget(self) -> None:
        """Be as new, at the same address."""
        self._numbers = count(1)
        self.things: dict[str, Thing] = {}
        self.events: list[Thing] = []
        self.asked: list[tuple[str, str, str]] = []
        # How many of the next calls to a path fail, and with which status.
        self.broken: dict[str, list[int]] = {}
        # Called with the path when an answer is made, and not sent yet.
        self.meanwhile: Callable[[str], None] = lambda _path: None
        self._answered: dict[str, tuple[str, int, Thing]] = {}

    # What an operator does in Stripe's own pages.

    def make_price(self, amount: int, *, interval: str = "month", currency: str = "usd") -> str:
        recurring = {"interval": interval, "interval_count": 1}
        about = {"unit_amount": amount, "currency": currency, "recurring": recurring}
        return str(self._make("price", active=True, type="recurring", **about)["id"])

    def refund(self, subscription: str) -> None:
        with self._lock:
            invoice = self.things[self.things[subscription]["latest_invoice"]]
            charge = self.things[invoice["charge"]]
            charge |= {"refunded": True, "amount_refunded": charge["amount"]}
            self._tell("charge.refunded", charge)

    # What a customer does on Stripe's pages.

    def pay(self, page: str) -> str:
        """Pay an open page of checkout; gives the subscription."""
        with self._lock:
            session = self.things[page]
            if session["status"] != "open":
                raise Refusal(400, "checkout_session_expired")
            bought = self._subscribe(session["customer"], session["price"])
            session |= {"status": "complete", "url": None, "subscription": bought["id"]}
            self._tell("checkout.session.completed", session)
            return str(bought["id"])

    def open_pages(self) -> list[str]:
        return [one["id"] for one in self._all("checkout.session") if one["status"] == "open"]

    def change_price(self, subscription: str, price: str) -> None:
        with self._lock:
            item = self.things[subscription]["items"]["data"][0]
            item["price"] = self.things[price]
            self._invoice(self.things[subscription], paid=True)
            self._tell("customer.subscription.updated", self.things[subscription])

    def cancel_at_end(self, subscription: str, *, cancel: bool = True) -> None:
        with self._lock:
            found = self.things[subscription]
            end = found["items"]["data"][0]["current_period_end"]
            found |= {"cancel_at_period_end": cancel, "cancel_at": end if cancel else None}
            self._tell("customer.subscription.updated", found)

    # What time does.

    def renew(self, subscription: str, *, paid: bool) -> None:
        with self._lock:
            found = self.things[subscription]
            item = found["items"]["data"][0]
            start = item["current_period_end"]
            item |= {"current_period_start": start, "current_period_end": start + MONTH_S}
            found["status"] = "active" if paid else "past_due"
            self._tell("customer.subscription.updated", found)
            self._invoice(found, paid=paid)

    def set_status(self, subscription: str, status: str) -> None:
        with self._lock:
            found = self.things[subscription]
            found["status"] = status
            if status == "canceled":
                found["ended_at"] = int(time.time())
            word = "deleted" if status == "canceled" else "updated"
            self._tell(f"customer.subscription.{word}", found)

    # Webhooks.

    @staticmethod
    def body(event: Thing) -> bytes:
        return json.dumps(event, indent=2).encode()

    @staticmethod
    def signature(body: bytes, *, secret: str = SECRET, at: float | None = None) -> str:
        moment = int(time.time() if at is None else at)
        mark = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256)
        return f"t={moment},v1={mark.hexdigest()},v0=ignored"

    # The interface.

    def answer(self, method: str, path: str, form: Thing, key: str) -> tuple[int, Thing]:
        with self._lock:
            self.asked.append((method, path, key))
            if self.broken.get(path):
                return self.broken[path].pop(), {"error": {"type": "api_error", "message": "down"}}
            if key in self._answered:
                said, status, answer = self._answered[key]
                if said != json.dumps([path, form]):
                    raise Refusal(400, "idempotency_key_reused", kind="idempotency_error")
                return status, answer
            answer = deepcopy(self._route(method, path.removeprefix("/v1/").split("/"), form))
            if key:
                self._answered[key] = json.dumps([path, form]), 200, answer
            return 200, answer

    def _route(self, method: str, path: list[str], form: Thing) -> Thing:
        match method, path:
            case "POST", ["customers"]:
                return self._make("customer", email=form["email"], metadata=form["metadata"])
            case "DELETE", ["customers", name]:
                return self._delete_customer(self._find(name))
            case "GET", ["prices", name]:
                return self._find(name)
            case "GET", ["subscriptions"]:
                return _list(self._of(form, "subscription"))
            case "GET", ["checkout", "sessions"]:
                pages = self._of(form, "checkout.session")
                return _list([one for one in pages if one["status"] == form["status"]])
            case "POST", ["checkout", "sessions"]:
                return self._open_page(form)
            case "POST", ["checkout", "sessions", name, "expire"]:
                return self._expire(self._find(name))
            case "POST", ["billing_portal", "sessions"]:
                self._find(form["customer"])
                url = f"{self.base_url}/portal/{form['customer']}"
                return self._make("billing_portal.session", url=url)
            case "GET", ["invoice_payments"]:
                return _list(self._payments(form))
        raise Refusal(404, "unknown_route")

    def _delete_customer(self, customer: Thing) -> Thing:
        for found in self._of({"customer": customer["id"]}, "subscription"):
            if found["status"] != "canceled":
                self.set_status(found["id"], "canceled")
        del self.things[customer["id"]]
        self._tell("customer.deleted", customer)
        return {"id": customer["id"], "object": "customer", "deleted": True}

    def _open_page(self, form: Thing) -> Thing:
        customer, price = self._find(form["customer"]), form["line_items"]["0"]["price"]
        self._find(price)
        page = self._make(
            "checkout.session",
            customer=customer["id"],
            metadata=form["metadata"],
            price=price,
            status="open",
            success_url=form["success_url"],
        )
        page["url"] = f"{self.base_url}/pay/{page['id']}"
        return page

    def _expire(self, page: Thing) -> Thing:
        if page["status"] != "open":
            raise Refusal(400, "checkout_session_not_open")
        page |= {"status": "expired", "url": None}
        return page

    def _subscribe(self, customer: str, price: str) -> Thing:
        now = int(time.time())
        period = {"current_period_start": now, "current_period_end": now + MONTH_S}
        item = self._make("subscription_item", price=self.things[price], quantity=1, **period)
        made = self._make(
            "subscription",
            customer=customer,
            status="active",
            items=_list([item]),
            start_date=now,
            cancel_at=None,
            cancel_at_period_end=False,
            ended_at=None,
            latest_invoice=None,
        )
        # As with Stripe: news of what is not paid yet comes first.
        self._tell("customer.subscription.created", made | {"status": "incomplete"})
        self._invoice(made, paid=True)
        self._tell("customer.subscription.updated", made)
        return made

    def _invoice(self, subscription: Thing, *, paid: bool) -> None:
        customer = subscription["customer"]
        invoice = self._make("invoice", customer=customer, status="paid" if paid else "open")
        subscription["latest_invoice"] = invoice["id"]
        if paid:
            amount = subscription["items"]["data"][0]["price"]["unit_amount"]
            charge = self._make("charge", customer=customer, amount=amount, refunded=False)
            intent = self._make("payment_intent", latest_charge=charge["id"])
            invoice |= {"charge": charge["id"], "payment_intent": intent["id"]}
        self._tell("invoice.paid" if paid else "invoice.payment_failed", invoice)

    def _payments(self, form: Thing) -> list[Thing]:
        invoice = self._find(form["invoice"])
        if invoice["status"] != "paid":
            return []
        intent: Thing | str = invoice["payment_intent"]
        if "data.payment.payment_intent.latest_charge" in form.get("expand", {}).values():
            found = self.things[invoice["payment_intent"]]
            intent = found | {"latest_charge": self.things[found["latest_charge"]]}
        payment = {"type": "payment_intent", "payment_intent": intent, "charge": None}
        return [{"id": "inpay_1", "object": "invoice_payment", "payment": payment}]

    def _make(self, kind: str, **about: Any) -> Thing:
        prefix = {"customer": "cus", "subscription": "sub", "checkout.session": "cs"}.get(
            kind, kind
        )
        with self._lock:
            name = f"{prefix}_{next(self._numbers)}"
            made = {"id": name, "object": kind, "livemode": False, **about}
            self.things[name] = made
            return made

    def _tell(self, kind: str, thing: Thing) -> None:
        self.events.append(
            {
                "id": f"evt_{next(self._numbers)}",
                "object": "event",
                "api_version": VERSION,
                "created": int(time.time()),
                "livemode": False,
                "type": kind,
                "data": {"object": deepcopy(thing)},
            }
        )

    def _find(self, name: str) -> Thing:
        if name not in self.things:
            raise Refusal(404, "resource_missing")
        return self.things[name]

    def _all(self, kind: str) -> list[Thing]:
        """The newest first."""
        return [thing for thing in reversed(self.things.values()) if thing["object"] == kind]

    def _of(self, form: Thing, kind: str) -> list[Thing]:
        return [one for one in self._all(kind) if one["customer"] == form["customer"]]


def _list(things: list[Thing]) -> Thing:
    return {"object": "list", "data": things, "has_more": False, "url": "/v1/things"}


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    stripe: Stripe


class _Answer(BaseHTTPRequestHandler):
    server: _Listener
    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece; in two, the second would wait 40 ms for a word of the first.
    wbufsize = -1

    def do_GET(self) -> None:
        if self.path.startswith("/pay/"):
            return self._page("<form method=post><button>Pay</button></form>")
        if self.path.startswith("/portal/"):
            return self._page("<h1>Invoices</h1>")
        self._speak(nested(urlsplit(self.path).query))
        return None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path.startswith("/pay/"):
            page = self.path.removeprefix("/pay/")
            self.server.stripe.pay(page)
            return self._redirect(self.server.stripe.things[page]["success_url"])
        self._speak(nested(body))
        return None

    def do_DELETE(self) -> None:
        self._speak({})

    def _speak(self, form: Thing) -> None:
        try:
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                raise Refusal(401, "invalid_key")
            path, key = urlsplit(self.path).path, self.headers.get("Idempotency-Key", "")
            status, answer = self.server.stripe.answer(self.command, path, form, key)
            self.server.stripe.meanwhile(path)
        except Refusal as refusal:
            status, answer = refusal.status, {"error": refusal.error}
        self._say(status, json.dumps(answer).encode(), "application/json")

    def _page(self, content: str) -> None:
        self._say(200, f"{HEAD}{content}".encode(), "text/html")

    def _redirect(self, url: str) -> None:
        self.send_response(303)
        self.send_header("Location", url)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _say(self, status: int, content: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of each request."""


@contextmanager
def stripe_server() -> Iterator[Stripe]:
    stripe = Stripe()
    with _Listener(("127.0.0.1", 0), _Answer) as listener:
        listener.stripe = stripe
        stripe.base_url = f"http://127.0.0.1:{listener.server_address[1]}"
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield stripe
        finally:
            listener.shutdown()
            thread.join()
