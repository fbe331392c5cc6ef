"""Pieces of SQL that say which tier counts now and whether the actor of the transaction may see it.

A tier inherits every label of the facts behind it, as a gap inherits its evidence's: who may not see one of them finds
the tier `restricted`, in lists and counts too, so that no filter tells what the chart keeps back.
"""

from __future__ import annotations

OPEN = "({alias}.labels IS NULL OR access.label_open({alias}.labels, {alias}.patient_id))"
"""True where the actor may see what rests on these labels; over an alias with `labels` and `patient_id`."""

ADJUSTED = "(care_tier.adjusted_tier IS NOT NULL AND care_tier.adjusted_until > :today)"
SHOWN = (
    f"CASE WHEN NOT {OPEN.format(alias='care_tier')} THEN 'restricted' "
    f"WHEN {ADJUSTED} THEN care_tier.adjusted_tier WHEN care_tier.present THEN care_tier.tier ELSE 'unknown' END"
)
"""What the screens show, over `risk.care_tier AS care_tier`; `:today` is the site's day."""

UNKNOWN = "'unknown'"
"""Of somebody of whom no run has said anything."""

RANK = "array_position(ARRAY['very_high', 'high', 'restricted', 'moderate', 'low', 'unknown'], {tier})"
"""The order of a list: nobody who may be at risk comes last for want of a label."""
