"""An existing client library of the platform, ease-restapi from PyPI, against a server: what it sends is understood, and what
it reads is there. Run by scripts/platform.sh, which sets CONFAB_BASE and the administrator's name and password.

What the library itself does wrong with the versions of Python and requests that there are is done beside it, and said where.
"""

import contextlib
import io
import os
import sys
import tempfile
import time

import requests

BASE = os.environ["CONFAB_BASE"]


def call(token, path, body):
    """Makes a call that the library has not: those of administrators."""
    r = requests.post(BASE + path, json=body, headers={"Authorization": "Bearer " + token} if token else {}, timeout=30)
    assert r.status_code == 200, (path, r.status_code, r.text)
    return r.json()


admin = call("", "/management/token", {"grant_type": "password", "username": os.environ["CONFAB_ADMIN_LOGIN"],
                                       "password": os.environ["CONFAB_ADMIN_PASSWORD"]})["access_token"]
call(admin, "/management/organizations", {"organization": "acme", "username": "boss", "name": "Boss", "email": "boss@acme.example",
                                          "password": "secret of the boss"})
credentials = call(admin, "/management/organizations/acme/applications", {"name": "shop", "registration": "open"})

from ease_restapi import config, service  # noqa: E402

config.HOST_SERVER, config.APP_ORG, config.APP_NAME = BASE, "acme", "shop"
quiet = contextlib.redirect_stdout(io.StringIO())  # the library prints tokens


def does(answer):
    """Returns the document of a call that succeeded."""
    ok, document = answer
    assert ok, document
    return document


def refused(answer, error):
    ok, text = answer
    assert not ok and '"error":"%s"' % error in text.replace(" ", ""), (error, ok, text)


def same(got, want):
    assert got == want, "%r is not %r" % (got, want)


def tokens():
    app = service.AppClientAuth(credentials["client_id"], credentials["client_secret"])
    boss = service.OrgAdminAccountAuth("boss", "secret of the boss")
    for auth in app, boss:
        same(does(service.pickup_users(auth))["entities"], [])
    does(service.create_user_credit(app, "ann", "tea"))
    ann = service.AppAdminAccountAuth("ann", "tea")  # any user's password grant
    same(does(service.pickup_user(ann, "ann"))["entities"][0]["username"], "ann")
    refused(service.pickup_users(ann), "auth_bad_access_token")
    return app, ann


def users(app, ann):
    does(service.create_user_open("bob", "coffee"))
    refused(service.create_user_open("bob", "coffee"), "duplicate_unique_property_exists")
    made = does(service.create_users(app, [{"username": name, "password": "pw"} for name in ("carl", "dora", "bob")]))
    same([u["username"] for u in made["entities"]], ["carl", "dora"])
    same(made["data"][0]["username"], "bob")
    page = does(service.pickup_users(app, limit=3))
    same([u["username"] for u in page["entities"]], ["ann", "bob", "carl"])
    page = does(service.pickup_users(app, limit=3, cursor=page["cursor"]))
    same([u["username"] for u in page["entities"]], ["dora"])
    assert "cursor" not in page, page
    found = does(service.select_users(app, "select * where username='carl'"))
    same([u["username"] for u in found["entities"]], ["carl"])
    same(does(service.modify_nickname(app, "carl", "卡尔"))["entities"][0]["nickname"], "卡尔")
    does(service.passwd_user(app, "carl", "new", "pw"))
    same(does(service.pickup_user(service.AppAdminAccountAuth("carl", "new"), "carl"))["entities"][0]["nickname"], "卡尔")
    same(does(service.look_user_status(app, "carl"))["data"], {"carl": "offline"})
    refused(service.pickup_user(app, "nobody"), "service_resource_not_found")


def friends(app):
    for friend in "bob", "carl":
        does(service.create_friend(app, "ann", friend))
    same(does(service.detail_friend(app, "ann"))["data"], ["carl", "bob"])
    does(service.delete_friend(app, "ann", "bob"))
    same(does(service.detail_friend(app, "bob"))["data"], [])
    does(service.add_user_blacklist(app, "ann", ["dora"]))
    same(does(service.pickup_user_blacklist(app, "ann"))["data"], ["dora"])
    does(service.del_user_blacklist(app, "ann", "dora"))
    same(does(service.pickup_user_blacklist(app, "ann"))["data"], [])


def groups(app):
    group = does(service.create_group(app, service.build_group_data("tea", "about tea", "ann", True, members=["bob"])))["data"]["groupid"]
    detail = does(service.details_group(app, group))["data"][0]
    same([detail["name"], detail["description"], detail["membersonly"], detail["affiliations_count"]], ["tea", "about tea", True, 2])
    does(service.user_join_group(app, group, "carl"))
    refused(service.user_join_group(app, group, "carl"), "forbidden_op")
    same(does(service.add_group_users(app, group, ["dora"]))["data"]["newmembers"], ["dora"])
    does(service.user_kick_group(app, group, "dora"))
    same(does(service.pickup_group_users(app, group))["data"], [{"owner": "ann"}, {"member": "bob"}, {"member": "carl"}])
    same(does(service.modify_group(app, group, groupname="leaves", maxusers=300))["data"], {"groupname": True, "maxusers": True})
    refused(service.modify_group(app, group, colour="green"), "invalid_parameter")
    same([g["groupname"] for g in does(service.pickup_groups(app))["data"]], ["leaves"])
    same(does(service.pickup_user_group(app, "carl"))["data"], [{"groupid": group, "groupname": "leaves"}])
    return group


def files(app):
    # The library passes True as a header, which requests has refused since 2.11.
    picture = b"\x89PNG, said the file, and was none"
    up = requests.post(BASE + "/acme/shop/chatfiles", files={"file": ("a.png", picture)}, headers={"restrict-access": "true"}, auth=app, timeout=30).json()
    file = up["entities"][0]
    with tempfile.TemporaryDirectory() as config.DIR_DOWNLOAD_FILES:
        same(service.download_media(app, file["uuid"], file["share-secret"]), 0)
        with open(os.path.join(config.DIR_DOWNLOAD_FILES, file["uuid"]), "rb") as f:
            same(f.read(), picture)
    return up["uri"] + "/" + file["uuid"], file["share-secret"]


def messages(app, group, file):
    url, secret = file
    since = int(time.time() * 1000) - 1000
    sent = [
        (service.send_txt_message, service.build_message_data("from nobody", ["bob", "carl"], mood="green")),
        (service.send_txt_message, service.MessageTxtData("from ann", ["bob"], username="ann")()),
        (service.send_img_message, service.MessageImgData(url, "a.png", secret, ["bob"], username="ann")()),
        (service.send_audio_message, service.MessageAudioData(url, "a.amr", 10, secret, ["bob"], username="ann")()),
        (service.send_video_message, service.MessageVideoData("a.mp4", url, 10, secret, 58103, secret, url, ["bob"], username="ann")()),
        (service.send_transmission_message, service.MessageTransmissionData("refresh", ["bob"], username="ann")()),
    ]
    for send, message in sent:
        same(does(send(app, message))["data"], {name: "success" for name in message["target"]})
    same(does(service.send_txt_message(app, service.build_message_data("to all", [group], "chatgroups", "ann")))["data"], {group: "success"})
    refused(service.send_txt_message(app, {"target_type": "users", "target": "bob",
            "msg": {"type": "txt", "msg": "not a list"}}), "illegal_argument")
    same(does(service.offline_msg_count(app, "bob"))["data"], {"bob": len(sent) + 1})

    rows, cursor = [], None
    while True:
        page = does(service.export_chat_message(app, limit=3, cursor=cursor))
        rows += page["entities"]
        cursor = page.get("cursor")
        if not cursor:
            break
    same(len(rows), len(sent) + 2)  # the first message has two receivers
    assert all(r["timestamp"] >= since for r in rows), rows
    same([r["timestamp"] for r in rows], sorted(r["timestamp"] for r in rows))
    same([r["payload"]["bodies"][0]["type"] for r in rows if r["to"] == "bob"], ["txt", "txt", "img", "audio", "video", "cmd"])
    first = rows[0]
    same([first["from"], first["payload"]["ext"], first["payload"]["bodies"][0]["msg"]], ["admin", {"mood": "green"}, "from nobody"])
    same([(r["from"], r["chat_type"]) for r in rows if r["to"] == group], [("ann", "groupchat")])


def ends(app, group):
    same(does(service.delete_group(app, group))["data"]["success"], True)
    refused(service.details_group(app, group), "resource_not_found")
    does(service.delete_user(app, "dora"))
    refused(service.delete_user(app, "dora"), "service_resource_not_found")
    same(len(does(service.delete_users(app, limit=2))["entities"]), 2)  # with ql=None
    same([u["username"] for u in does(service.pickup_users(app))["entities"]], ["carl"])


def main():
    with quiet:
        app, ann = tokens()
        users(app, ann)
        friends(app)
        group = groups(app)
        messages(app, group, files(app))
        ends(app, group)
    print("ease-restapi: tokens, users, contacts, blocks, groups, files, messages, history")


if __name__ == "__main__":
    sys.exit(main())
