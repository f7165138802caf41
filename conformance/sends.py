"""A message is stored once, whatever happens to its sender."""

from conformance.checks import check, expect, expect_equal
from conformance.subject import QUESTION, Subject, answer_to, caught_up


@check("`send` is answered by an `ack` only after the message is stored.")
async def acknowledged(subject: Subject) -> None:
    conversation = await subject.conversation()
    ack = conversation.ack
    wanted = {"type", "client_id", "message_id", "thread_id", "run_id", "seq", "duplicate"}
    expect_equal(set(ack), wanted)
    expect(ack["duplicate"] is False, ack)
    created = conversation.events[0]
    expect_equal((created["seq"], created["type"]), (ack["seq"], "message_created"))
    expect_equal(created["data"]["client_id"], ack["client_id"])
    expect_equal(created["data"]["text"], QUESTION)


@check("A repeated `send` is answered with the first result and `duplicate` true.")
async def repeated(subject: Subject) -> None:
    first = (await subject.conversation()).ack
    async with subject.ready() as socket:
        for _time in range(3):
            await socket.send(QUESTION, client_id=first["client_id"])
            again = await answer_to(socket, first["client_id"])
            expect_equal(again, first | {"duplicate": True})
        await caught_up(socket)
        answers = [one for one in socket.received if one.get("client_id") == first["client_id"]]
        expect(len(answers) == 3, f"3 repetitions were answered {len(answers)} times")


@check("The same `client_id` with another text, thread or files is refused: `client_id_reused`.")
async def reused(subject: Subject) -> None:
    first = (await subject.conversation()).ack
    async with subject.ready() as socket:
        send = {"type": "send", "text": QUESTION, "thread_id": None}
        edit = {"type": "edit", "text": QUESTION, "message_id": first["message_id"]}
        for frame in (
            send | {"text": QUESTION + "!"},
            send | {"thread_id": first["thread_id"]},
            send | {"files": ["file_1_abcdef"]},
            edit,
        ):
            await socket.put(client_id=first["client_id"], **frame)
            answer = await answer_to(socket, first["client_id"])
            expect_equal((answer.get("code"), answer.get("retryable")), ("client_id_reused", False))


@check("Each frame with a `client_id` gets exactly one final answer.")
async def one_answer_each(subject: Subject) -> None:
    async with subject.ready() as socket:
        asked = [await socket.stop("run_1_abcdef") for _number in range(50)]
        asked.append(await socket.send("x", files=["file_1_abcdef"]))
        await answer_to(socket, asked[-1])
        await socket.put(type="ping")
        await socket.until("pong")
        answered = [frame["client_id"] for frame in socket.received if "client_id" in frame]
        expect_equal(answered, asked)


@check("`model_not_found`: no such model, or none that the user's plan has.")
async def missing_model(subject: Subject) -> None:
    async with subject.ready() as socket:
        client_id = await socket.send("x", model="conformance")
        answer = await answer_to(socket, client_id)
        expect_equal((answer.get("code"), answer.get("retryable")), ("model_not_found", False))


@check("`file_not_found`: a file is not the user's, does not exist or was sent before.")
async def missing_file(subject: Subject) -> None:
    async with subject.ready() as socket:
        for file_id in ("file_1_abcdef", "nonsense"):
            client_id = await socket.send("x", files=[file_id])
            answer = await answer_to(socket, client_id)
            expect(answer.get("code") == "file_not_found", answer)
