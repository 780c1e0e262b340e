"""Tweets in the shapes of the API's documentation (1.1 and 2), of twarc, Hydrator and rtweet; all made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from unlearn_study.errors import BadData
from unlearn_study.problem import make_problem
from unlearn_study.sources.files.form import Form
from unlearn_study.sources.hspam14 import read_hspam14
from unlearn_study.sources.names import Names
from unlearn_study.sources.records import Records
from unlearn_study.sources.spec import read

LONG = "what is said at length " * 10 + "ends here"
CUT = LONG[:100] + "…"
HYDRATOR = (
    "coordinates,created_at,hashtags,media,urls,favorite_count,id,in_reply_to_screen_name,in_reply_to_status_id,"
    "in_reply_to_user_id,lang,place,possibly_sensitive,quote_id,retweet_count,retweet_id,retweet_screen_name,source,"
    "text,tweet_url,user_created_at,user_id,user_default_profile_image,user_description,user_favourites_count,"
    "user_followers_count,user_friends_count,user_listed_count,user_location,user_name,user_screen_name,"
    "user_statuses_count,user_time_zone,user_urls,user_verified"
)
USER = {"id": 7, "id_str": "7", "screen_name": "ann"}
STREAMED = {"id_str": "11", "text": CUT, "truncated": True, "user": USER, "extended_tweet": {"full_text": LONG}}
EXTENDED = {"id_str": "11", "full_text": LONG, "truncated": False, "user": USER}
REPEATED = {"id_str": "5", "user": {"id_str": "9", "screen_name": "Bob_1"}}
RETWEET = {
    "id_str": "11",
    "full_text": f"RT @Bob_1: {CUT}",
    "user": USER,
    "retweeted_status": {**REPEATED, "full_text": LONG},
}
STREAMED_RETWEET = {
    "id_str": "11",
    "text": f"RT @Bob_1: {CUT}",
    "user": USER,
    "retweeted_status": {**REPEATED, "text": CUT, "truncated": True, "extended_tweet": {"full_text": LONG}},
}
SECOND = {"id": "11", "text": "short", "author_id": "7"}
NOTE = {"id": "11", "text": CUT, "note_tweet": {"text": LONG}, "author_id": "7"}
REFERS = {
    "id": "11",
    "text": f"RT @Bob_1: {CUT}",
    "author_id": "7",
    "referenced_tweets": [{"type": "retweeted", "id": "5"}],
}
INCLUDES = {"users": [{"id": "7", "username": "ann"}], "tweets": [{"id": "5", "text": LONG, "author_id": "9"}]}
FLAT = {
    **REFERS,
    "author": {"id": "7", "username": "ann"},
    "referenced_tweets": [{"type": "retweeted", "id": "5", "text": LONG}],
}


def hspam14(folder: Path, *tweets: object, labels: str = "11,1,1\n12,0,5\n", **form: Any) -> Records:
    return hydrated(folder, "t.jsonl", "".join(json.dumps(tweet) + "\n" for tweet in tweets), labels, **form)


def hydrated(folder: Path, name: str, text: str, labels: str = "11,1,1\n12,0,5\n", **form: Any) -> Records:
    (folder / "labels.csv").write_text(labels)
    (folder / name).write_text(text)
    return read_hspam14(folder / "labels.csv", folder / name, None, Names(), Form(**form))


@pytest.mark.parametrize(
    ("tweet", "text"),
    [
        (STREAMED, LONG),
        (EXTENDED, LONG),
        (RETWEET, f"RT @Bob_1: {LONG}"),
        (STREAMED_RETWEET, f"RT @Bob_1: {LONG}"),
        ({**RETWEET, "full_text": "cut otherwise"}, f"RT @Bob_1: {LONG}"),
        (SECOND, "short"),
        (NOTE, LONG),
        (FLAT, f"RT @Bob_1: {LONG}"),
        ({"data": REFERS, "includes": INCLUDES}, f"RT @Bob_1: {LONG}"),
        ({"data": [REFERS], "includes": INCLUDES, "meta": {}, "__twarc": {}}, f"RT @Bob_1: {LONG}"),
        ({"data": NOTE, "matching_rules": []}, LONG),
    ],
)
def test_a_text_is_whole_and_its_author_known_in_every_shape(tmp_path: Path, tweet: object, text: str) -> None:
    found = hspam14(tmp_path, tweet)
    assert (found.texts, found.subjects, found.labels) == ([text], ["7"], ["spam"])
    assert not any("cut" in said for said in found.said)


@pytest.mark.parametrize(
    "tweet",
    [
        {**STREAMED, "extended_tweet": None},
        {**RETWEET, "retweeted_status": None},
        {"data": [REFERS], "includes": {}},
        {**RETWEET, "retweeted_status": {**REPEATED, "text": CUT, "truncated": True}},
    ],
)
def test_texts_that_stay_cut_are_counted_and_said(tmp_path: Path, tweet: object) -> None:
    assert any(said.startswith("1 texts are cut") for said in hspam14(tmp_path, tweet).said)


@pytest.mark.parametrize(
    ("fields", "author"),
    [
        ({"user": {"id_str": "7"}}, "7"),
        ({"user": {"id": 7}}, "7"),
        ({"user": {"screen_name": "Ann"}}, "@ann"),
        ({"author_id": "7"}, "7"),
        ({"author_id": 7, "user": None}, "7"),
        ({"author": {"id": "7", "username": "ann"}}, "7"),
        ({"user_id_str": "7", "user_id": 7.0}, "7"),
        ({"from_user_id": 7}, "7"),
        ({}, None),
    ],
)
def test_an_author_is_one_person_in_every_shape_with_hspam14_and_with_labels(
    tmp_path: Path, fields: dict[str, object], author: str | None
) -> None:
    assert hspam14(tmp_path, {"id": "11", "text": "a", **fields}).subjects == [author]
    lines = (json.dumps({"text": "a", "label": label, **fields}) + "\n" for label in ("x", "y"))
    (tmp_path / "own.jsonl").write_text("".join(lines))
    assert read(str(tmp_path / "own.jsonl"), Names(), None, 1).subjects == [author, author]


def test_one_person_in_two_shapes_is_on_one_side_and_in_one_shard(tmp_path: Path) -> None:
    lines = []
    for at in range(1200):
        person, label = str(at % 60), ("spam", "ham")[at % 2]
        who: dict[str, object] = {"user": {"id_str": person}} if at % 3 else {"author_id": person}
        lines.append(json.dumps({"text": f"word{at} more", "label": label, **who}) + "\n")
    (tmp_path / "mixed.jsonl").write_text("".join(lines))
    records = read(str(tmp_path / "mixed.jsonl"), Names(), None, 1)
    assert len(set(records.subjects)) == 60
    problem = make_problem(records, 1)
    assert len(set(problem.subjects.tolist())) + len(problem.wide.test) // 20 == 60
    assert any("author_id (400), user.id_str (800)" in note for note in problem.notes)


def test_pages_give_all_their_tweets_and_count_what_the_api_had_not(tmp_path: Path) -> None:
    gone = {"value": "13", "parameter": "ids", "resource_type": "tweet", "title": "Not Found Error"}
    other = {**gone, "parameter": "referenced_tweets.id"}
    pages = (
        {"data": [SECOND, {**SECOND, "id": "12", "author_id": "8"}], "errors": [gone, other]},
        {"errors": [gone, gone]},
    )
    found = hspam14(tmp_path, *pages)
    assert (found.labels, found.subjects) == (["spam", "ham"], ["7", "8"])
    assert found.left_out == {"the API had no such tweet": 3}


def test_one_document_holds_tweets_too(tmp_path: Path) -> None:
    page = {"data": [SECOND, {**SECOND, "id": "12"}], "includes": INCLUDES}
    assert hydrated(tmp_path, "t.json", json.dumps(page, indent=2)).labels == ["spam", "ham"]
    assert hydrated(tmp_path, "t.json", json.dumps(page["data"], indent=2)).labels == ["spam", "ham"]


def test_notices_of_the_stream_are_no_tweets(tmp_path: Path) -> None:
    notices = ({"delete": {"status": {"id": 11}}}, {"limit": {"track": 3}})
    found = hspam14(tmp_path, *notices, SECOND)
    assert (found.labels, found.left_out) == (["spam"], {"no tweet but a notice of the API": 2})


def test_hydrators_csv(tmp_path: Path) -> None:
    def row(number: int, name: str, text: str) -> str:
        cells = dict.fromkeys(HYDRATOR.split(","), "")
        cells |= {"id": str(number), "retweet_screen_name": name, "text": f'"{text}"', "user_id": "7"}
        return ",".join(cells.values()) + "\n"

    lines = HYDRATOR + "\n" + row(11, "Bob_1", LONG) + row(12, "", "two, lines\nof text")
    found = hydrated(tmp_path, "t.csv", lines)
    assert (found.texts, found.subjects) == ([f"RT @Bob_1: {LONG}", "two, lines\nof text"], ["7", "7"])


@pytest.mark.parametrize(
    ("rows", "subjects"),
    [
        ("id,conversation_id,author_id,text,author.username\n11,1,7,a,ann\n", ["7"]),
        ("user_screen_name,id,text,user_screen_name\nann,11,a,ann\n", ["ann"]),
        ("user_id,status_id,screen_name,text\nx7,x11,ann,a\n", ["x7"]),
        ("11\t7\ta\n", ["7"]),
        ("tweet_id;user_id;text\n11;7;a\n", ["7"]),
        ("text,tweet_id\na,11\n", [None]),
    ],
)
def test_other_rows_of_tweets(tmp_path: Path, rows: str, subjects: list[str | None]) -> None:
    found = hydrated(tmp_path, "t.csv", rows)
    assert (found.texts, found.subjects) == (["a"], subjects)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("id,text\n3.35104E+17,a\n", "line 2: the tweet's id was rounded"),
        ("id,user_id,text\n11,3.35104E+17,a\n", "line 2: the user's id was rounded"),
        ("name,words\nann,a\n", "line 1: 2 columns, not tweet_id,user_id,text"),
        ("id,words\n11,a\n", "line 1: no column is named text; name it with --text-column"),
    ],
)
def test_rows_that_lost_what_they_need_are_refused(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(BadData) as error:
        hydrated(tmp_path, "t.csv", rows)
    assert said in str(error.value)


@pytest.mark.parametrize(
    "labels",
    [
        "tweet_id,label,step\n11,1,2\n12,0,5\n",
        "step,tweet_id,label\n2,11,1\n5,12,0\n",
        "11\t1\t2\n12\t0\t5\n",
        "tweet_id;label;step\n11;spam;2\n12;ham;5\n",
        "\ufefftweet_id,label,step\r\n11,1,2\r\n12,0,5\r\n",
    ],
)
def test_label_files_with_and_without_names(tmp_path: Path, labels: str) -> None:
    found = hspam14(tmp_path, SECOND, {**SECOND, "id": "12"}, labels=labels)
    assert (found.labels, found.steps) == (["spam", "ham"], [2, 5])


def test_labels_without_steps_are_said_to_have_none(tmp_path: Path) -> None:
    found = hspam14(tmp_path, SECOND, labels="tweet_id,label\n11,1\n")
    assert (found.labels, found.steps) == (["spam"], None)
    assert "the label file has no steps" in found.said


def test_bad_lines_are_left_out_and_counted_where_that_is_asked_for(tmp_path: Path) -> None:
    labels = "11,1,1\n12,0\n13,0,5\n"
    lines = [json.dumps(SECOND), "{", '{"id": "12"}', json.dumps({**SECOND, "id": "13"})]
    found = hydrated(tmp_path, "t.jsonl", "\n".join(lines), labels, skip_bad=True)
    assert found.labels == ["spam", "ham"]
    kinds = {"a wrong number of columns": 1, "no JSON": 1, "no text or full_text": 1}
    assert found.left_out == {f"bad line: {kind}": count for kind, count in kinds.items()}
