"""Colours that colour-blind readers tell apart (Okabe and Ito), and what each stands for: the same
in notebooks, pages and pictures.
"""

BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
GREY, PALE = "#8a8a8a", "#e4e4e4"

#: From the calmest memory state to the worst.
STATE_COLORS = {"high": "#DDEFE8", "clear": SKY, "soft": YELLOW, "hard": ORANGE, "low": VERMILION}
#: What gave memory back.
TECHNIQUE_COLORS = {"sharing": GREEN, "balloon": SKY, "compression": ORANGE, "swap": VERMILION}
#: Where the pages of a VM are.
PLACE_COLORS = {
    "private": BLUE,
    "shared": TECHNIQUE_COLORS["sharing"],
    "compressed": TECHNIQUE_COLORS["compression"],
    "swapped": TECHNIQUE_COLORS["swap"],
    "ballooned": TECHNIQUE_COLORS["balloon"],
    "absent": PALE,
}
