"""Words for the generated stream: common ones, those of spam, and parts of rare ones."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


COMMON = _words(
    """
    the to and you my for in of it is on that me so this just be with at have your are not but
    all was up out like can get do what if love when no good today now one how new time day
    people as or we they from about really want need know more going back see think got go will
    too her him his she he who why never always still right some make life feel well last night
    over off best only then them our has had been much little way happy work home school great
    here take look say said even hate sleep tired lol haha yeah wish miss girl boy friend
    friends mom dad dog cat food coffee game song music movie book week weekend morning tomorrow
    year birthday thank thanks please maybe tonight
    """
)
SPAM = _words(
    """
    free win follow followers click link money cash earn daily bonus offer deal cheap buy sale
    discount visit followback teamfollowback gain instant giveaway iphone ipad gift card survey
    weight loss diet pills casino bet poker forex trading profit income guaranteed limited
    unfollowed checked stats app download hack coins gems unlimited promo code subscribe viral
    rt retweet shoutout seo traffic marketing leads crypto loan credit insurance replica watches
    singles dating hot cam webcam adult video exclusive sponsor earned mpoints rewards points
    redeem
    """
)
SYLLABLES = _words(
    """
    ba ben cor da del el fan gor hi in jun ka la mor na ol per qui ra sen ta ul ver win xa yor
    zel
    """
)
FOREIGN = _words(
    """
    naïve café mañana über größe façade señor día niño ñandú ökologie straße çok güzel привет
    сегодня погода 東京 今日は ありがとう 安い 오늘 사랑 مرحبا اليوم שלום नमस्ते
    """
)
EMOJI = _words(
    """
    😂 😭 ❤️ 😍 🔥 👍 🎉 😊 💯 🙏🏽 👨‍👩‍👧 🇧🇷
    """
)
