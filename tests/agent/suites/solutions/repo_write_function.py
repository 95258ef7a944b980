import re
from pathlib import Path

BODIES = {
    "with_tax": "return cents + int(cents * percent / 100 + 0.5)",
    "discounted": "return int(cents * (100 - percent) / 100)",
    "read_price": 'return int(text.strip().split()[0].replace(".", ""))',
    "goods_total": 'return sum(line["price"] * line["quantity"] for line in lines)',
    "shipping": "return settings.SHIPPING if cents < settings.FREE_FROM else 0",
    "order_total": "return with_tax(goods_total(lines), percent) + shipping(goods_total(lines))",
    "points": "return (cents // 100) * settings.POINTS_PER_EURO",
    "due_date": "return (date.fromisoformat(start) + timedelta(settings.LOAN_DAYS)).isoformat()",
    "days_late": "late = date.fromisoformat(returned) - date.fromisoformat(due)\n"
    "    return late.days if late.days > 0 else 0",
    "fee": "cents = days * settings.FEE_PER_DAY\n"
    "    return settings.FEE_MOST if cents > settings.FEE_MOST else cents",
    "fee_for": "return fee(days_late(due_date(start), returned))",
    "sort_title": "title = title.strip().lower()\n"
    '    return title[4:] if title.startswith("the ") else title',
    "overdue": 'return sorted((one["title"] for one in loans if today > one["due"]), key=sort_title)',
    "to_minutes": "return int(text[:2]) * 60 + int(text[3:])",
    "to_text": 'return "%02d:%02d" % divmod(minutes, 60)',
    "present": "minutes = to_minutes(end) - to_minutes(start)\n"
    "    return minutes + DAY if minutes < 0 else minutes",
    "worked": "minutes = present(start, end)\n"
    "    return minutes - (settings.PAUSE_MINUTES if minutes > settings.PAUSE_AFTER else 0)",
    "wage": "return int(minutes * per_hour / 60)",
    "shift_wage": 'more = settings.SUNDAY_PERCENT if shift["day"] == "Sunday" else 0\n'
    '    return wage(worked(shift["start"], shift["end"]), per_hour + per_hour * more // 100)',
    "week_wage": "return sum(shift_wage(shift, per_hour) for shift in shifts)",
    "clean": 'return " ".join(name.lower().split())',
    "label": "return clean(name).upper()[:settings.LONGEST_NAME]",
    "receive": "levels = dict(levels)\n"
    "    levels[clean(name)] = levels.get(clean(name), 0) + units\n    return levels",
    "running_low": "return sorted(n for n in levels if levels[n] < settings.LEAST_UNITS)",
    "missing": "return {n: u - levels.get(n, 0) for n, u in wanted.items() if u > levels.get(n, 0)}",
    "packs": "return (units + settings.PACK_SIZE - 1) // settings.PACK_SIZE",
    "packs_to_order": "return {n: packs(units) for n, units in missing(levels, wanted).items()}",
}

GOAL = "Write the body of the function {name} in {file} as its docstring says, so that the tests in tests/ pass; do not change the tests."


def repo_write_function(name, file):
    text = Path(file).read_text()
    hole = re.compile(rf"(def {name}\(.*?)raise NotImplementedError", re.S)
    Path(file).write_text(hole.sub(lambda found: found[1] + BODIES[name], text, count=1))
