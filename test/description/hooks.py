"""What schemathesis cannot know of the API: who logs in, and which rooms, users and messages there are."""

import os
import random

import requests
import schemathesis

BASE = os.environ["CONFAB_BASE"] + "/api/chat/v1"
ADMIN = {"Authorization": "Bearer " + os.environ["CONFAB_ADMIN_TOKEN"]}
LOGIN, PASSWORD, ROOM = "ann", "a good password", "lounge"
OTHER = "bob"  # an account whose logins may end

session = requests.Session()
chance = random.Random(1)  # of its own: schemathesis resets the shared one before each case


def prepare():
    """Signs a user up and logs in, makes a room and a message in it; returns the message's id."""
    for login in (LOGIN, OTHER):
        session.post(BASE + "/users", json={"login": login, "password": PASSWORD, "firstname": "Ann", "lastname": "Lee"}).raise_for_status()
    session.post(BASE + "/authenticate", json={"login": LOGIN, "password": PASSWORD}).raise_for_status()
    return new_message()


def new_message():
    answer = session.put(f"{BASE}/rooms/{ROOM}", json={"banner": "hello"})
    if answer.status_code != 403:  # an earlier call may have left the room; its creator may always come back
        answer.raise_for_status()
    session.put(f"{BASE}/rooms/participant/{ROOM}").raise_for_status()
    answer = session.post(f"{BASE}/messages/{ROOM}", json={"content": "hello"})
    answer.raise_for_status()
    return answer.json()["messageId"]


message = prepare()
real = {"room": lambda: ROOM, "login": lambda: LOGIN, "message": lambda: message, "emoji": lambda: "👍"}

# What ends the session or the account that the rest of the run needs is called with invented names only, or by nobody.
ENDS_THE_USER = {"deleteUser", "changePassword", "eraseUser"}
# These, called by an administrator, do so for the other user.
ENDS_LOGINS = {"adminUpdateUser", "adminSetPassword", "adminLogOut", "adminEndSession"}
ENDS_THE_SESSION = {"logOut", "logIn"}
# After these the room, its message or the membership may be gone.
ENDS_THE_ROOM = {"deleteRoom", "adminDeleteRoom", "patchRoom", "leave", "leaveOrRemove", "deleteMessage"}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Names things that exist in most calls, and sends the credentials that the operation is for."""
    operation = case.operation.definition.raw["operationId"]
    tag = case.operation.definition.raw["tags"][0]
    if operation not in ENDS_THE_USER and chance.random() < 0.8:
        for name, value in real.items():
            if name in (case.path_parameters or {}):
                case.path_parameters[name] = value()
    if operation in ENDS_LOGINS and (case.path_parameters or {}).get("login") == LOGIN:
        case.path_parameters["login"] = OTHER
    # It learns names from answers, so it comes to know this one.
    if operation in ENDS_THE_USER:
        if (case.path_parameters or {}).get("login") == LOGIN:
            case.path_parameters["login"] = "somebody"
        if isinstance(case.body, dict) and case.body.get("login") == LOGIN:
            case.body["login"] = "somebody"
    # schemathesis invents credentials of its own for each scheme that is described.
    headers = {k: v for k, v in (case.headers or {}).items() if k.lower() not in ("authorization", "cookie")}
    case.cookies = {}
    if tag == "administration":
        headers.update(ADMIN)
    elif operation not in ENDS_THE_SESSION and tag != "health":
        headers["Cookie"] = "; ".join(f"{c.name}={c.value}" for c in session.cookies)
    case.headers = headers


@schemathesis.hook
def after_call(context, case, response):
    global message
    if case.operation.definition.raw["operationId"] in ENDS_THE_ROOM and response.status_code < 300:
        message = new_message()
