"""Batches with one known fault in them, as random as real ones: uneven shops, linked habits, ordinary misses.

What is planted is big enough to be found at all: a slice has at least eight people and no more than six in ten of the
batch, a fault hits at least seven in ten of those it concerns, and the alert has fired.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from random import Random

from recruiting.causes import Case, Delivery, Kind, Probe

THRESHOLDS = (Fraction(5, 100), Fraction(8, 100), Fraction(10, 100))
PREFIXES = ["138", "139", "150", "186", "135", "136", "137", "158", "188", "159", "187", "151", "152", "182", "177"]
PREFIXES += ["189", "133", "153", "130", "131", "132", "155", "156", "185", "176", "199", "198", "173", "180", "181"]
LINK, OTHER_LINK = "interview.example.com", "https://interview.example.com/night/{token}"


@dataclass(frozen=True)
class Planting:
    """What an alert is about, and what is behind it."""

    kind: Kind
    value: str
    cases: list[Case]
    at: Fraction
    probes: Mapping[str, Probe] = field(default_factory=dict)

    @property
    def fires(self) -> bool:
        """Whether HR would hear of it: the rate has reached the threshold."""
        return Fraction(sum(case.missed for case in self.cases), len(self.cases)) >= self.at


Fault = Callable[[Random, list[Case]], Planting | None]


def planted(kind: Kind, seed: int) -> Planting:
    """A batch in which `kind` is at work and the alert has fired."""
    random = Random(f"{kind}/{seed}")
    while True:
        made = FAULTS[kind](random, ordinary(random, random.uniform(0.02, 0.06)))
        if made is not None and made.fires:
            return made


def ordinary(random: Random, base: float) -> list[Case]:
    """A healthy batch: a few miss it (`base`, a share), for all kinds of reasons."""
    shops = [f"门店{number}" for number in range(random.randint(3, 40))]
    sizes = [1 / rank**0.7 for rank in range(1, len(shops) + 1)]
    channels = random.sample(["chat", "sms", "email"], random.choice([2, 3]))
    weights = [random.uniform(0.2, 1) for _ in channels]
    hours = random.sample(range(8, 21), random.randint(2, 8))
    custom = {shop: (random.choice(hours), random.choice(channels)) for shop in shops}  # each shop invites in its way
    common = [1 / rank**0.5 for rank in range(1, len(PREFIXES) + 1)]
    second = random.random() < 0.3
    cases = []
    for _ in range(random.randint(30, 400)):
        shop = random.choices(shops, sizes)[0]
        hour, channel = custom[shop]
        case = Case(
            missed=False,
            shop=shop,
            channel=channel if random.random() < 0.4 else random.choices(channels, weights)[0],
            phone_prefix=random.choices(PREFIXES, common)[0],
            invite_hour=hour if random.random() < 0.5 else random.choice(hours),
            locale=random.choices(["zh-CN", "ja", "en"], [80, 12, 8])[0],
            link=OTHER_LINK if second and random.random() < 0.4 else LINK,
            delivery=random.choice([Delivery.DELIVERED, Delivery.ACCEPTED]),
            clicked=random.random() < 0.98,
        )
        cases.append(absent(random, case) if random.random() < base else case)
    return cases


def absent(random: Random, case: Case, steps: Sequence[int] = (2, 11, 7)) -> Case:
    """Somebody misses it: not reached, not interested, or interrupted; in these proportions."""
    step = random.choices(["undelivered", "unopened", "unstarted"], steps)[0]
    if step == "undelivered":
        wrong = case.channel == "sms" and random.random() < 0.5
        return replace(case, missed=True, clicked=False, started=False, delivery=Delivery.FAILED, number_wrong=wrong)
    return replace(case, missed=True, clicked=step == "unstarted", started=False)


def healthy_probes(random: Random, cases: Sequence[Case]) -> dict[str, Probe]:
    """Links that open, as different as pages are; some were not looked at."""
    seen = [Probe(200), Probe(302), Probe(403), Probe(405), Probe(429), None]
    chosen = {link: random.choice(seen) for link in sorted({case.link for case in cases})}
    return {link: probe for link, probe in chosen.items() if probe is not None}


def spoil(random: Random, cases: Sequence[Case], hit: Callable[[Case], bool], severity: float) -> list[Case]:
    """Most of those who are hit miss it."""
    return [absent(random, case) if hit(case) and random.random() < severity else case for case in cases]


# --- the faults ------------------------------------------------------------------------------------------------------


def chance(random: Random, cases: list[Case]) -> Planting:
    """Nothing is wrong: the true rate lies below the threshold, and this time more missed it than usual."""
    at = random.choice(THRESHOLDS)
    healthy = ordinary(random, random.uniform(0.02, min(0.06, float(at))))
    return Planting(Kind.CHANCE, "", healthy, at, healthy_probes(random, healthy))


def one(kind: Kind, of: Callable[[Case], str]) -> Fault:
    """Something is wrong with one shop, channel, ... only."""

    def fault(random: Random, cases: list[Case]) -> Planting | None:
        sizes = Counter(of(case) for case in cases)
        fitting = sorted(value for value, size in sizes.items() if 8 <= size <= 0.6 * len(cases))
        if not fitting:
            return None
        value = random.choice(fitting)
        spoilt = spoil(random, cases, lambda case: of(case) == value, random.uniform(0.7, 1))
        return Planting(kind, value, spoilt, random.choice(THRESHOLDS), healthy_probes(random, cases))

    return fault


def dead_link(random: Random, cases: list[Case]) -> Planting:
    """The page is gone: people open it and that is all."""
    link = random.choice(sorted({case.link for case in cases}))
    hit = random.uniform(0.3, 1)
    spoilt = [
        replace(case, missed=True, started=False) if case.link == link and random.random() < hit else case
        for case in cases
    ]
    dead = random.choice([Probe(404), Probe(410), Probe(500), Probe(502), Probe(None, "refused"), Probe(None, "dns")])
    probes = healthy_probes(random, cases) | {link: dead}
    return Planting(Kind.DEAD_LINK, link, spoilt, random.choice(THRESHOLDS), probes)


def blocked_link(random: Random, cases: list[Case]) -> Planting | None:
    """The page opens for us and not in people's app; some of them tap that it doesn't open."""
    hit = random.uniform(0.2, 0.9)
    spoilt = [
        replace(case, missed=True, started=False, clicked=random.random() < 0.5, told_broken=random.random() < 0.3)
        if random.random() < hit
        else case
        for case in cases
    ]
    if sum(case.told_broken for case in spoilt) < 3:
        return None
    return Planting(Kind.TOLD_BROKEN, "", spoilt, random.choice(THRESHOLDS), healthy_probes(random, cases))


def shifted_numbers(random: Random, cases: list[Case]) -> Planting | None:
    """The phone column slipped: invites by SMS go to no number at all, or to strangers who don't care.

    Some gateways say that there is no such number, others only that it failed.
    """
    talkative = random.random() < 0.7
    from_row, nowhere = random.uniform(0, 0.6) * len(cases), random.uniform(0.4, 0.85)
    spoilt = []
    for row, case in enumerate(cases):
        if case.channel != "sms" or row < from_row:
            spoilt.append(case)
            continue
        lost = replace(case, missed=True, clicked=False, started=False, phone_prefix=random.choice(PREFIXES))
        if random.random() < nowhere:
            lost = replace(lost, delivery=Delivery.FAILED, number_wrong=talkative and random.random() < 0.8)
        elif random.random() < 0.1:
            lost = replace(lost, number_wrong=True)  # "not me"
        spoilt.append(lost)
    if sum(case.delivery is Delivery.FAILED for case in spoilt) < max(8, 0.1 * len(cases)):
        return None
    return Planting(Kind.WRONG_NUMBERS, "", spoilt, random.choice(THRESHOLDS), healthy_probes(random, cases))


def gateway_down(random: Random, cases: list[Case]) -> Planting | None:
    """A channel delivers nothing: its signature is blocked, or its account is empty."""
    channel = random.choice(sorted({case.channel for case in cases}))
    spoilt = [
        replace(case, missed=random.random() < 0.9, clicked=False, started=False, delivery=Delivery.FAILED)
        if case.channel == channel and random.random() < 0.98
        else case
        for case in cases
    ]
    if sum(case.channel == channel for case in cases) < max(8, 0.1 * len(cases)):
        return None
    return Planting(Kind.DELIVERY_FAILED, channel, spoilt, random.choice(THRESHOLDS), healthy_probes(random, cases))


def never_starts(random: Random, cases: list[Case]) -> Planting:
    """The page opens, but nobody gets into the interview there."""
    link = random.choice(sorted({case.link for case in cases}))
    opens = random.uniform(0.6, 1)
    spoilt = [
        replace(case, missed=True, started=False, clicked=random.random() < opens) if case.link == link else case
        for case in cases
    ]
    at, probes = random.choice(THRESHOLDS), healthy_probes(random, cases)
    return Planting(Kind.PROVIDER_NEVER_STARTS, link, spoilt, at, probes)


def unread(random: Random, cases: list[Case]) -> Planting:
    """The invite is taken by every channel, and lands where nobody looks."""
    spoilt = [
        replace(case, missed=True, clicked=False, started=False) if random.random() < 0.98 else case for case in cases
    ]
    at, probes = random.choice(THRESHOLDS), healthy_probes(random, cases)
    return Planting(Kind.NOBODY_CLICKED, "", spoilt, at, probes)


def everywhere(random: Random, cases: list[Case]) -> Planting:
    """People stay away in all shops alike, after they have opened the link or before."""
    step, steps = random.choice([("not_clicked", (1, 16, 3)), ("not_started", (1, 3, 16))])
    share = random.uniform(0.3, 0.6)
    spoilt = [absent(random, case, steps) if random.random() < share else case for case in cases]
    return Planting(Kind.EVERYWHERE, step, spoilt, random.choice(THRESHOLDS), healthy_probes(random, cases))


FAULTS: Mapping[Kind, Fault] = {
    Kind.CHANCE: chance,
    Kind.DEAD_LINK: dead_link,
    Kind.TOLD_BROKEN: blocked_link,
    Kind.WRONG_NUMBERS: shifted_numbers,
    Kind.DELIVERY_FAILED: gateway_down,
    Kind.PROVIDER_NEVER_STARTS: never_starts,
    Kind.NOBODY_CLICKED: unread,
    Kind.EVERYWHERE: everywhere,
    Kind.ONE_LINK: one(Kind.ONE_LINK, lambda case: case.link),
    Kind.ONE_CHANNEL: one(Kind.ONE_CHANNEL, lambda case: case.channel),
    Kind.ONE_SHOP: one(Kind.ONE_SHOP, lambda case: case.shop),
    Kind.ONE_PREFIX: one(Kind.ONE_PREFIX, lambda case: case.phone_prefix),
    Kind.ONE_HOUR: one(Kind.ONE_HOUR, lambda case: str(case.invite_hour)),
    Kind.ONE_LANGUAGE: one(Kind.ONE_LANGUAGE, lambda case: case.locale),
}
