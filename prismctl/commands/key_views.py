"""How keys are shown."""

from prismctl.commands import budget_views
from prismctl.output import human
from prismctl.output.table import Column, View

KEYS = View(
    columns=(
        Column("NAME", "name", is_name=True),
        Column("STATUS", "status", human.state, human.tone),
        Column("OWNER", "owner", is_name=True, rank=2),
        Column("MODELS", "models", human.allowed, is_flexible=True),
        Column("CREDITS", "credit_balance", human.money, is_right=True),
        Column("BUDGET", "budgets", budget_views.tightest, budget_views.tightest_tone),
        Column("LAST USED", "last_used_at", human.when, rank=1),
        Column("ID", "id", is_wide=True),
        Column("KEY", "prefix", is_wide=True),
        Column("TYPE", "key_type", is_wide=True),
        Column("HELD", "credit_held", human.money, is_wide=True, is_right=True),
        Column("ORG", "org_id", is_wide=True),
        Column("PROVIDERS", "providers", human.allowed, is_wide=True, is_flexible=True),
        Column("RPM", "rate_limit_rpm", human.number, is_wide=True, is_right=True),
        Column("TPM", "rate_limit_tpm", human.number, is_wide=True, is_right=True),
        Column("EXPIRES", "expires_at", human.when, is_wide=True),
        Column("CREATED", "created_at", human.when, is_wide=True),
    ),
    empty="no keys here; make one: prismctl keys create NAME",
)

KEY = View(
    columns=(
        Column("ID", "id"),
        Column("NAME", "name"),
        Column("KEY", "prefix"),
        Column("STATUS", "status", human.state, human.tone),
        Column("EXPIRED", "is_expired"),
        Column("TYPE", "key_type"),
        Column("CREDITS", "credit_balance", human.dollars),
        Column("HELD", "credit_held", human.dollars),
        Column("OWNER", "owner"),
        Column("ORG", "org_id"),
        Column("MODELS", "models", human.allowed),
        Column("PROVIDERS", "providers", human.allowed),
        Column("IPS", "allowed_ips", human.allowed),
        Column("TOOLS", "allowed_tools", human.allowed),
        Column("DENIED TOOLS", "denied_tools"),
        Column("RPM", "rate_limit_rpm", human.number),
        Column("TPM", "rate_limit_tpm", human.number),
        Column("CONCURRENCY", "max_concurrency", human.number),
        Column("BUDGETS", "budgets", budget_views.budgets),
        Column("TAGS", "metadata", human.labels),
        Column("EXPIRES", "expires_at", human.moment),
        Column("LAST USED", "last_used_at", human.moment),
        Column("CREATED", "created_at", human.moment),
        Column("UPDATED", "updated_at", human.moment),
        Column("VERSION", "version"),
    ),
)
