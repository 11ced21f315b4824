import com.easemob.im.server.EMException;
import com.easemob.im.server.EMProperties;
import com.easemob.im.server.EMService;
import com.easemob.im.server.api.message.recall.RecallMessageSource;
import com.easemob.im.server.model.EMKeyValue;
import com.easemob.im.server.model.EMTextMessage;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.zip.GZIPInputStream;
import com.easemob.im.shaded.reactor.core.publisher.Flux;
import com.easemob.im.shaded.reactor.core.publisher.Mono;

/**
 * The platform's own library for servers in Java, com.easemob.im:im-sdk-core, against a server: what it sends is understood, and
 * what it reads is there. Run by scripts/platform.sh with the address of the server, the app, and its credentials.
 */
class Library {
    static EMService service;
    static Path folder;

    public static void main(String[] args) throws Exception {
        service = new EMService(EMProperties.builder().setBaseUri(args[0]).setServerTimezone("+0").setAppkey(args[1]).setClientId(args[2]).setClientSecret(args[3]).build());
        folder = Files.createTempDirectory("library");
        users();
        contacts();
        groups();
        rooms();
        files();
        messages();
        ends();
        System.out.println("im-sdk-core: tokens, users, contacts, blocks, metadata, groups, rooms, files, messages, history");
        System.exit(0); // the library's threads go on
    }

    static <T> T does(Mono<T> call) {
        return call.block(Duration.ofSeconds(30));
    }

    static <T> List<T> all(Flux<T> calls) {
        return does(calls.collectList());
    }

    static void same(Object want, Object got) {
        if (!want.equals(got)) {
            throw new AssertionError("it is " + got + ", not " + want);
        }
    }

    static void refused(int code, Mono<?> call) {
        try {
            does(call);
        } catch (EMException e) {
            same(code, e.getErrorCode());
            return;
        }
        throw new AssertionError("it was not refused");
    }

    static void users() {
        for (var name : List.of("ann", "bob", "carl", "dora")) {
            same(name, does(service.user().create(name, "tea")).getUsername());
        }
        refused(400, service.user().create("ann", "tea"));
        same(true, does(service.user().get("ann")).getCanLogin());
        same(List.of("ann", "bob", "carl", "dora"), all(service.user().listAllUsers()));
        does(service.user().updateUserPassword("bob", "water"));
        if (does(service.user().getToken("bob", "water")).getValue().isEmpty()) {
            throw new AssertionError("the token is empty");
        }
        refused(404, service.user().get("nobody"));
        same(false, does(service.user().isUserOnline("ann")));
        same(2, does(service.user().isUsersOnline(List.of("ann", "nobody"))).size());
        does(service.user().forceLogoutAllDevices("ann"));
        does(service.block().blockUserLogin("dora"));
        same(false, does(service.user().get("dora")).getCanLogin());
        does(service.block().unblockUserLogin("dora"));
        does(service.metadata().setMetadataToUser("ann", Map.of("nickname", "Ännchen & Co", "sign", "tea")));
        same(Map.of("nickname", "Ännchen & Co", "sign", "tea"), does(service.metadata().getMetadataFromUser("ann")).getData());
        same(true, does(service.metadata().deleteMetadataFromUser("ann")));
    }

    static void contacts() {
        does(service.contact().add("ann", "bob"));
        same(List.of("bob"), all(service.contact().list("ann")));
        does(service.contact().remove("ann", "bob"));
        same(List.of(), all(service.contact().list("bob")));
        does(service.block().blockUserSendMsgToUser("carl", "ann"));
        same("carl", all(service.block().getUsersBlockedFromSendMsgToUser("ann")).get(0).getUsername());
        does(service.block().unblockUserSendMsgToUser("carl", "ann"));
        same(List.of(), all(service.block().getUsersBlockedFromSendMsgToUser("ann")));
    }

    static String group;

    static void groups() {
        group = does(service.group().createPublicGroup("ann", "tea", "about tea", List.of("bob"), 50, true));
        var detail = does(service.group().getGroup(group));
        same(List.of("tea", "about tea", "ann", 50, true), List.of(detail.getName(), detail.getDescription(), detail.getOwner(), detail.getMaxMembers(), detail.getNeedApproveToJoin()));
        does(service.group().addGroupMember(group, "carl"));
        refused(403, service.group().addGroupMember(group, "carl"));
        does(service.group().addGroupMembers(group, List.of("dora")));
        same(List.of("bob", "carl", "dora"), all(service.group().listAllGroupMembers(group, "asc")));
        does(service.group().removeGroupMember(group, "dora"));
        does(service.group().addGroupAdmin(group, "bob"));
        same(List.of("bob"), all(service.group().listGroupAdmins(group)));
        does(service.group().updateGroup(group, g -> g.setMaxMembers(60)));
        does(service.group().updateGroupAnnouncement(group, "Tea at five"));
        same("Tea at five", does(service.group().getGroupAnnouncement(group)));
        same(List.of(group), all(service.group().listAllGroups()));
        same(List.of(group), all(service.group().listGroupsUserJoined("carl")));
        does(service.block().blockUserSendMsgToGroup("carl", group, Duration.ofMinutes(5)));
        same("carl", all(service.block().getUsersBlockedSendMsgToGroup(group)).get(0).getUsername());
        does(service.block().unblockUserSendMsgToGroup("carl", group));
        does(service.block().blockUserJoinGroup("dora", group));
        same("dora", all(service.block().getUsersBlockedJoinGroup(group)).get(0).getUsername());
        does(service.block().unblockUserJoinGroup("dora", group));
        does(service.group().updateGroupOwner(group, "bob"));
        same("bob", does(service.group().getGroup(group)).getOwner());
    }

    static String room;

    static void rooms() {
        does(service.room().promoteRoomSuperAdmin("ann"));
        same(List.of("ann"), all(service.room().listRoomSuperAdminsAll()));
        room = does(service.room().createRoom("hall", "for all", "ann", List.of("bob"), 100));
        same(List.of("hall", "for all", "ann"), List.of(does(service.room().getRoom(room)).name(), does(service.room().getRoom(room)).description(), does(service.room().getRoom(room)).owner()));
        does(service.room().addRoomMember(room, "carl"));
        same(List.of("bob", "carl"), all(service.room().listRoomMembersAll(room, "asc")));
        same(List.of(Map.of("owner", "ann"), Map.of("member", "bob"), Map.of("member", "carl")), all(service.room().listRoomMembersAllWithOwner(room)));
        does(service.room().promoteRoomAdmin(room, "bob"));
        same(List.of("bob"), all(service.room().listRoomAdminsAll(room)));
        does(service.room().updateRoom(room, r -> r.withName("great hall")));
        does(service.room().updateRoomAnnouncement(room, "Welcome"));
        same("Welcome", does(service.room().getRoomAnnouncement(room)));
        same(List.of(room), all(service.room().listRoomsAll()));
        same(List.of(room), all(service.room().listRoomsUserJoined("carl")));
        does(service.room().removeRoomMember(room, "carl"));
    }

    static void files() throws Exception {
        var file = Files.writeString(folder.resolve("tea.txt"), "Earl Grey");
        var up = does(service.attachment().uploadFile(file));
        same("Earl Grey", Files.readString(does(service.attachment().downloadFile(up.getId(), folder, "back.txt"))));
        var sent = does(service.message().send().fromUser("ann").toUser("bob")
            .image(m -> m.uri(URI.create(up.getUrl())).secret(up.getSecret()).displayName("tea.txt").width(4).height(2)).send());
        same(Set.of("bob"), sent.getMessageIdsByEntityId().keySet());
    }

    static void messages() throws Exception {
        var ids = does(service.message().send().fromUser("ann").toUsers(Set.of("bob", "carl")).text(m -> m.text("hello"))
            .extension(x -> x.add(EMKeyValue.of("mood", "green"))).send()).getMessageIdsByEntityId();
        same(2, ids.size());
        same(1, does(service.message().send("ann", "users", Set.of("carl"), new EMTextMessage().text("in the old way"), null)).getMessageIdsByEntityId().size());
        for (var to : List.of(service.message().send().fromUser("ann").toGroup(group), service.message().send().fromUser("ann").toRoom(room))) {
            same(1, does(to.command(m -> m.action("refresh").param("n", "1")).send()).getMessageIdsByEntityId().size());
        }
        does(service.message().send().fromUser("ann").toUser("carl").location(m -> m.latitude(39.9).longitude(116.3).address("Beijing")).send());
        does(service.message().send().fromUser("ann").toUser("carl").custom(m -> m.customEvent("gift").customExtension("name", "rose")).send());
        if (all(service.message().countMissedMessages("carl")).get(0).getMessageCount() != 5) { // with that to the group
            throw new AssertionError("of carl's messages " + all(service.message().countMissedMessages("carl")).get(0).getMessageCount() + " wait");
        }
        same(false, does(service.message().isMessageDeliveredToUser(ids.get("bob"), "bob")));
        does(service.message().recallMessage(List.of(new RecallMessageSource(ids.get("carl"), "chat", "ann", "carl", false))));
        var hour = Instant.now().minus(Duration.ofHours(3));
        does(service.message().importChatMessage("ann", "bob", new EMTextMessage().text("of the past"), Set.of(EMKeyValue.of("k", "v")), false, hour.toEpochMilli(), false));
        var history = does(service.message().getHistoryAsLocalFile(hour, folder, "history.gz"));
        try (var in = new GZIPInputStream(Files.newInputStream(history))) {
            same(true, new String(in.readAllBytes()).contains("of the past"));
        }
    }

    static void ends() {
        does(service.room().destroyRoom(room));
        refused(404, service.room().getRoom(room));
        does(service.group().destroyGroup(group));
        refused(404, service.group().getGroup(group));
        does(service.user().delete("dora"));
        refused(404, service.user().get("dora"));
        same(3, all(service.user().deleteAll()).size());
    }
}
