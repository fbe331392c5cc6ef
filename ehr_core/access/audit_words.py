"""An audit event as a plain sentence. An act that has no words yet is told by its own name, never hidden."""

from __future__ import annotations

from typing import Any

WORDS: dict[str, str] = {
    "account_created": "made an account",
    "account_disabled": "closed an account",
    "account_enabled": "opened an account again",
    "account_password_set": "set an account's password",
    "account_roles_changed": "changed an account's roles",
    "account_sites_set": "said of which sites an account is",
    "accounts_listed": "looked through the accounts",
    "acting_for_chosen": "chose to look at the record of",
    "application_allowed": "let an application in",
    "application_closed": "closed an application",
    "application_opened": "opened an application again",
    "application_opened_from_chart": "opened an application from the chart of",
    "application_put_out": "put an application out",
    "application_registered": "registered an application",
    "application_signed_in": "signed in as a service",
    "access_log_read": "looked at who opened the record of",
    "audit_exported": "exported the audit log",
    "audit_verified": "verified the audit log",
    "audit_read": "read the audit log",
    "banner_read": "saw the banner of",
    "bulk_export": "exported in bulk",
    "bulk_export_deleted": "deleted a bulk export",
    "bulk_export_requested": "asked for a bulk export",
    "bulk_file_downloaded": "downloaded a file of a bulk export",
    "care_gaps.assign": "gave care gaps an owner",
    "care_gaps.contact_attempts.read": "looked at the contacts with",
    "care_gaps.contact_logged": "logged a contact with",
    "care_gaps.declined": "noted that a care gap was declined",
    "care_gaps.excluded": "excluded a care gap",
    "care_gaps.ordered": "ordered for a care gap",
    "care_gaps.patient_replied": "replied about a care gap of",
    "care_gaps.read": "looked at the care gaps",
    "care_gaps.replies.read": "looked at the patients' replies",
    "care_gaps.reply_reviewed": "answered a patient's reply",
    "care_gaps.reply_taken_back": "took back a reply about a care gap",
    "care_gaps.snoozed": "snoozed a care gap",
    "care_gaps.undone": "took back what was set on a care gap",
    "cds_hook": "asked decision support about",
    "card_read": "looked at the insurance card of",
    "chart_rule_ended": "ended a rule about the chart of",
    "chart_rule_made": "made a rule about the chart of",
    "chart_rules_read": "looked at the rules about the chart of",
    "chart_summary_read": "opened the chart summary",
    "create": "created",
    "delete": "deleted",
    "document_opened": "opened the document",
    "duplicate_pairs_listed": "listed records that may be double",
    "duplicate_search": "looked for double records of",
    "export": "exported",
    "facts_assigned": "gave facts back to a record that was un-merged,",
    "guide_imported": "put an implementation guide into force",
    "guide_removed": "took an implementation guide out of force",
    "guides_listed": "listed the implementation guides",
    "glass_broken": "broke the glass to open the chart of",
    "glass_closed": "closed the chart after breaking the glass of",
    "glass_reviewed": "reviewed a broken glass",
    "glass_reviews_listed": "looked at the broken glass that waits for review",
    "history": "read the history of",
    "import": "imported",
    "merge_previewed": "compared two records of",
    "merge_read": "looked at a merge of",
    "merges_listed": "listed the merges",
    "not_the_same_said": "said that two records are of two people,",
    "orders.basket.read": "looked at the order basket of",
    "orders.baskets.read": "looked at the baskets that wait for a signature",
    "orders.active": "resumed an order",
    "orders.completed": "closed an order by hand",
    "orders.draft_changed": "changed an order that waits for a signature",
    "orders.draft_discarded": "took an order out of the basket",
    "orders.on_hold": "put an order on hold",
    "orders.overdue.read": "looked at the overdue orders",
    "orders.prepared": "prepared an order",
    "orders.read": "looked at the orders of",
    "orders.repeated": "made the next order of a repeating one",
    "orders.revoked": "revoked an order",
    "orders.signed": "signed orders",
    "invitation_accepted": "chose a password by a link",
    "invitation_made": "made a link to choose a password",
    "passkey_added": "added a passkey",
    "passkey_removed": "took a passkey away",
    "past_care_read": "looked at the procedures, vaccinations and documents of",
    "own_password_changed": "changed their password",
    "patient_record": "read the whole record of",
    "patient_registered": "registered",
    "patient_search": "looked for",
    "patients_merged": "merged into",
    "patients_unmerged": "took back a merge into",
    "pipeline.changes.claim": "took changed patients to re-measure",
    "pipeline.refused": "asked in whose records something cannot be read",
    "pipeline.run": "reported a pipeline run",
    "portal.home.read": "opened their home page",
    "portal.language.read": "opened the portal",
    "portal.results.read": "read their results",
    "profile_read": "opened the profile of",
    "profile_relaxed": "no longer requires a profile",
    "profile_required": "made a profile a requirement",
    "proxy_ended": "ended somebody's acting for",
    "proxy_given": "let somebody act for",
    "quality.measure_patients.read": "listed the patients behind a measure",
    "read": "read",
    "read_many": "read several of",
    "recovery_codes_made": "made new recovery codes",
    "redeem_code": "used a sign-in code",
    "results_inbox.acknowledged": "acknowledged results",
    "results_inbox.attached": "put a result that had no patient into a chart",
    "results_inbox.coverage_added": "entered who covers for whom",
    "results_inbox.coverage_cancelled": "cancelled a coverage",
    "results_inbox.delegated": "delegated results",
    "results_inbox.escalated": "passed on a critical result that nobody had acknowledged",
    "results_inbox.no_action": "decided that nothing is to be done about results",
    "results_inbox.noted": "noted what was done about results",
    "results_inbox.pool_added": "made a pool",
    "results_inbox.pool_members_set": "set the members of a pool",
    "results_inbox.read": "looked at the inbox",
    "results_inbox.recalled": "arranged a recall because of results",
    "results_inbox.received": "received results from outside",
    "results_inbox.set_aside": "set aside a result that is nobody's here",
    "results_inbox.unmatched.read": "looked at the results without a patient",
    "results_read": "looked at the results",
    "role_policy_set": "said how far a role reaches",
    "schedule_read": "looked at the day's schedule",
    "search": "searched",
    "search_indexed": "indexed a new search parameter",
    "second_factor_confirmed": "set up a second factor",
    "second_factor_enrolled": "began to set up a second factor",
    "second_factor_removed": "took the second factor away",
    "second_factor_reset": "reset an account's second factor",
    "single_use_password_replaced": "chose a password of their own",
    "session_revoked": "ended a session",
    "sessions_listed": "looked at the sessions of an account",
    "sign_in": "tried to sign in",
    "signed_in": "signed in",
    "signed_out": "signed out",
    "update": "changed",
    "use_session": "used a session",
    "vread": "read an earlier version of",
    "whole_record_read": "let a check look at the whole record of",
    "worklist.read": "looked at the worklist",
}

SERVICES = {
    "service:audit-sealer": "The seal of the audit log",
    "service:cds-hooks": "The CDS Hooks service",
    "service:clinic-clock": "The results and orders desk",
    "service:pipeline": "The nightly pipeline",
    "service:remeasure": "The re-measure worker",
    "service:seed": "The demonstration's seed",
    "service:sign-in": "The sign-in page",
}

OPERATOR = "operator:"
"""What the id of somebody at the command line begins with; the name in the operating system follows."""


def actor_words(actor_id: str | None, actor_name: str | None) -> str:
    """A person's name, a service's, or what is known."""
    if actor_id is None:
        return "Somebody who was not signed in"
    if actor_id.startswith(OPERATOR):
        return f"{actor_id.removeprefix(OPERATOR)} at the command line"
    return actor_name or SERVICES.get(actor_id, actor_id)


def sentence(
    *,
    actor: str,
    act: str,
    outcome: str,
    resource_type: str | None,
    resource_id: str | None,
    patients: int | None,
    detail: dict[str, Any] | None,
) -> str:
    """'Dr Chen read Observation 123'; for a refusal, that it was refused and why."""
    named = act.replace(".", ": ").replace("_", " ")
    words = WORDS.get(act, f"did '{named}' on" if resource_type else f"did '{named}'")
    parts = [actor, words]
    if resource_type and resource_type != "Account":
        parts.append(" ".join(filter(None, (resource_type, resource_id))))
    if patients is not None:
        parts.append(f"({patients} {'patient' if patients == 1 else 'patients'})")
    told = " ".join(parts)
    if outcome == "success":
        return told
    reason = (detail or {}).get("reason")
    return f"{told}: {outcome}" + (f" ({reason})" if reason else "")
