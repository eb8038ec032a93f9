"""The forms of private keys and access tokens, as their makers publish them.

Each pattern has a part that its maker fixed; guesses by entropy or by words such as "password" are left out,
because documentation is full of such samples. The patterns use the subset of regular expressions that an
automaton can run: no look-around, no back-references.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of secret and the pattern of its shortest complete form.

    Attributes:
        kind: What people call it.
        pattern: Matches all of the secret's fixed length, or the least of its variable length.
        stands_alone: Whether letters, digits, `_` and `-` directly before it make it something else.
        is_exact: Whether it has just this length: what goes on is something else.
        holds: What it must hold beside its form, as names and hashes do not: `a` small letters, `A` capitals,
            `0` digits.
        is_key: Whether this is only the first line of a private key, whose body must follow.
        in_base64: Whether that body is in base64 once more.
    """

    kind: str
    pattern: str
    stands_alone: bool = False
    is_exact: bool = False
    holds: str = ""
    is_key: bool = False
    in_base64: bool = False


def _first_lines_in_base64() -> str:
    """Return how the end of a key's first line reads in base64, as Kubernetes and CI settings hold key files.

    There are three ways, by the place in a group of three bytes. Each ends with a group, so that what
    follows can be decoded.
    """
    # Characters that depend on what stands before.
    unknown_chars = {0: 0, 1: 2, 2: 3}
    return "|".join(
        base64.b64encode(b" " * before + end + b"-" * (-(before + len(end)) % 3)).decode()[unknown:]
        for end in (b"PRIVATE KEY-", b"PRIVATE KEY BLOCK-")
        for before, unknown in unknown_chars.items()
    )


KEYS = (
    # A page may mark up each word, and an address or a page write the blanks otherwise.
    Form("private key", r"BEGIN[^\n]{1,60}PRIVATE[^K\n]{1,40}KEY", is_key=True),
    Form("OpenSSH private key", "b3BlbnNzaC1rZXktdjEAAAAA[A-Za-z0-9+/]{40}"),
    Form("private key in base64", _first_lines_in_base64(), is_key=True, in_base64=True),
    Form("PuTTY private key", "PuTTY-User-Key-File-2", is_key=True),
    Form("PuTTY private key", r"PuTTY-User-Key-File-[23]: (?:ssh|ecdsa|rsa|dsa)"),
    Form("age secret key", "AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{58}"),
    Form("WireGuard private key", "PrivateKey[ \\t]{0,8}=[ \\t]{0,8}[A-Za-z0-9+/]{43}=", holds="aA0"),
    Form(
        "JSON Web Key",
        r'"d[\\]{0,4}"[ \t\r\n]{0,8}:[ \t\r\n]{0,8}[\\]{0,4}"[A-Za-z0-9_-]{42}',
        holds="aA0",
    ),
    Form("minisign secret key", "RWRTY0Iy[A-Za-z0-9+/]{60}"),
)

CLOUDS = (
    Form(
        "AWS access key", "(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}", stands_alone=True, is_exact=True
    ),
    Form(
        "AWS secret key",
        "(?i:aws.{0,20}(?:key|pwd|pw|password|pass|token)|secret_?access_?key)"
        "(?:.{0,20}['\"]|[\\\\'\"]{0,2}[ \\t]{0,8}(?:=>|:=|[:= ])[ \\t]{0,8})[0-9a-zA-Z/+]{40}",
        is_exact=True,
        holds="aA",
    ),
    Form("AWS session token", "(?:IQoJb3JpZ2luX2Vj|F[Qw]oGZXIvYXdz)[A-Za-z0-9+/]{100}"),
    Form("Azure storage key", "AccountKey=[a-zA-Z0-9+/=]{88}"),
    Form("Azure shared access key", "SharedAccessKey=[A-Za-z0-9+/]{43}="),
    Form("Azure DevOps token", "[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}", stands_alone=True, is_exact=True),
    Form("Azure client secret", r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}", stands_alone=True),
    Form("DigitalOcean token", "do[opr]_v1_[a-f0-9]{64}"),
    Form("Google API key", "AIza[A-Za-z0-9_-]{35}", stands_alone=True, is_exact=True),
    Form("Google OAuth client secret", "GOCSPX-[A-Za-z0-9_-]{28}"),
    Form("Google access token", r"ya29\.[A-Za-z0-9_-]{60}", stands_alone=True),
    Form("Google refresh token", "1//0[A-Za-z0-9_-]{40}", stands_alone=True, holds="aA0"),
    Form("Cloudflare Origin CA key", r"v1\.0-[a-f0-9]{24}-[a-f0-9]{146}", stands_alone=True),
    Form("Netlify token", "nfp_[A-Za-z0-9]{36}", stands_alone=True),
    Form("Tailscale key", "tskey-[a-z]{3,10}-[A-Za-z0-9]{8,24}-[A-Za-z0-9]{20}", stands_alone=True),
    Form("Neon API key", "napi_[a-z0-9]{60}", stands_alone=True),
    Form("Deno Deploy token", "ddp_[A-Za-z0-9]{36}", stands_alone=True, is_exact=True),
    Form("Heroku API key", "HRKU-[A-Za-z0-9_-]{36}", stands_alone=True),
    Form("Fly.io token", "FlyV1 fm[12][ar]?_[A-Za-z0-9+/=_-]{60}"),
    Form("PlanetScale token", "pscale_(?:tkn|oauth|pw)_[A-Za-z0-9=._-]{32}"),
    Form("Supabase token", "sb(?:p|_secret)_[A-Za-z0-9_-]{31}", stands_alone=True),
    Form("Render API key", "rnd_[A-Za-z0-9]{28}", stands_alone=True, holds="aA0"),
    Form("Scalingo token", "tk-us-[A-Za-z0-9_-]{48}", stands_alone=True, holds="aA0"),
    Form("Vercel token", "vc[aikpr]_[A-Za-z0-9]{40}", stands_alone=True, holds="aA0"),
    Form("Vercel token", "vercel_blob_rw_[A-Za-z0-9]{16}_[A-Za-z0-9]{30}", stands_alone=True),
    Form("Yandex Cloud key", "AQVN[A-Za-z0-9_-]{35}", stands_alone=True, holds="aA0"),
    Form("Yandex Cloud token", r"t1\.[A-Za-z0-9_-]{20,400}={0,2}\.[A-Za-z0-9_-]{86}", stands_alone=True),
    Form("Alibaba Cloud key", "LTAI[A-Za-z0-9]{20}", stands_alone=True, is_exact=True, holds="aA0"),
)

CODE_HOSTS = (
    Form("GitHub token", "gh[pousr]_[A-Za-z0-9_]{36}"),
    Form("GitHub token", "github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    Form("GitLab token", "(?:glpat|gldt|glft|glsoat|glrt|glcbt|glimt|glptt|gloas|glagent)-[A-Za-z0-9_-]{20}"),
    Form("GitLab token", "GR1348941[A-Za-z0-9_-]{20}"),
    Form("Atlassian token", "AT[AC]TT3[A-Za-z0-9_=-]{60}", stands_alone=True),
    Form("Bitbucket app password", "ATBB[A-Za-z0-9]{32}", stands_alone=True, is_exact=True, holds="aA0"),
    Form("NPM token", "npm_[A-Za-z0-9]{36}", stands_alone=True, is_exact=True),
    Form("NPM token", r":_authToken=\s{0,8}[A-Za-z0-9_-]{36}"),
    Form("PyPI token", "pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw)[A-Za-z0-9_-]{70}"),
    Form("RubyGems key", "rubygems_[a-f0-9]{48}"),
    Form("crates.io token", "cio[A-Za-z0-9]{32}", stands_alone=True, is_exact=True, holds="aA0"),
    Form("NuGet key", "oy2[a-z0-9]{43}", stands_alone=True, is_exact=True, holds="a0"),
    Form("Clojars token", "CLOJARS_[a-f0-9]{60}"),
    Form("JFrog key", "AKCp[A-Za-z0-9]{69}", stands_alone=True),
    Form("Buildkite token", "bkua_[a-f0-9]{40}"),
    Form("CircleCI token", "CCIP(?:AT|RJ)_[A-Za-z0-9]{22}_[a-f0-9]{40}"),
    Form("Docker Hub token", "dckr_[op]at_[A-Za-z0-9_-]{27}"),
    Form("Hugging Face token", "hf_[A-Za-z0-9]{34}", stands_alone=True, is_exact=True),
    Form("Sentry token", "sntr(?:yu_[a-f0-9]{64}|ys_eyJ[A-Za-z0-9+/=_-]{60})"),
)

SERVICES = (
    Form("calypso-mcp token", "cmt_[A-Za-z0-9][A-Za-z0-9.-]{0,39}_[A-Za-z0-9_-]{43}"),
    Form("API key", "sk[_-](?:[A-Za-z0-9]{1,12}[_-])?[A-Za-z0-9]{20}", stands_alone=True, holds="a0"),
    Form("Anthropic API key", "sk-ant-[a-z0-9]{1,20}-[A-Za-z0-9_-]{40}"),
    Form("OpenAI API key", "sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40}"),
    Form("OpenAI API key", "[A-Za-z0-9_-]{20}T3BlbkFJ[A-Za-z0-9]{20}"),
    Form("OpenRouter API key", "sk-or-v1-[0-9a-f]{64}"),
    Form("Groq API key", "gsk_[A-Za-z0-9]{52}", stands_alone=True),
    Form("xAI API key", "xai-[A-Za-z0-9]{80}", stands_alone=True),
    Form("Perplexity API key", "pplx-[A-Za-z0-9]{48}", stands_alone=True),
    Form("Replicate token", "r8_[A-Za-z0-9]{37}", stands_alone=True),
    Form("LangSmith key", "lsv2_(?:pt|sk)_[a-f0-9]{32}"),
    Form("Langfuse key", "sk-lf-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"),
    Form("NVIDIA API key", "nvapi-[A-Za-z0-9_-]{60}", stands_alone=True),
    Form("Tavily API key", "tvly-(?:dev-|prod-)?[A-Za-z0-9]{32}", stands_alone=True),
    Form("Cerebras API key", "csk-[a-z0-9]{48}", stands_alone=True),
    Form("Together API key", "tgp_v1_[A-Za-z0-9_-]{43}", stands_alone=True),
    Form("Pinecone API key", "pcsk_[A-Za-z0-9]{4,8}_[A-Za-z0-9]{50}", stands_alone=True),
    Form("Jina API key", "jina_[a-f0-9]{32}[A-Za-z0-9_-]{28}", stands_alone=True),
    Form("E2B API key", "e2b_[a-f0-9]{40}", stands_alone=True, is_exact=True),
    Form("Weights & Biases key", "wandb_v1_[A-Za-z0-9_]{70}", stands_alone=True),
    Form("Databricks token", "dapi[a-f0-9]{32}", stands_alone=True),
    Form("Vault token", r"hv[sbr]\.[A-Za-z0-9_-]{24}", stands_alone=True),
    Form("Vault token", r"s\.[A-Za-z0-9]{24}", stands_alone=True, is_exact=True, holds="aA0"),
    Form("Terraform Cloud token", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60}"),
    Form("Pulumi token", "pul-[a-f0-9]{40}", stands_alone=True),
    Form("Doppler token", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{40}", stands_alone=True),
    Form("Grafana token", "gl(?:sa_[A-Za-z0-9]{32}_[a-fA-F0-9]{8}|c_eyJ[A-Za-z0-9+/=]{60})"),
    Form("New Relic key", "NRAK-[A-Z0-9]{27}"),
    Form("Slack token", r"(?i:xox[abposr]-[0-9]{1,20}-(?:[0-9]{1,20}-)?[a-z0-9])"),
    Form("Slack token", "(?i:xoxe(?:\\.xox[bp])?-[0-9]-[a-z0-9]{40})"),
    Form("Slack token", "xoxd-[A-Za-z0-9%+/_-]{60}"),
    Form("Slack token", "xapp-[0-9]-[A-Z0-9]{1,40}-[0-9]{1,20}-[a-z0-9]{32}"),
    Form(
        "Slack webhook",
        r"(?i:https://hooks\.slack\.com/services/T[a-z0-9_]{1,40}/B[a-z0-9_]{1,40}/[a-z0-9_])",
    ),
    # It begins with the bot's id in base64: digits only, unlike names in code that have three parts.
    Form(
        "Discord bot token",
        r"(?:[MNO][DTjz][AEIMQUYcgk][w-z0-5]){6}[A-Za-z0-9]{0,3}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",
        stands_alone=True,
    ),
    Form("Discord webhook", "discord(?:app)?\\.com/api/webhooks/[0-9]{17,20}/[A-Za-z0-9_-]{60}"),
    Form("Facebook token", "EAA[A-Za-z0-9]{100}", stands_alone=True, holds="aA0"),
    Form("1Password token", "ops_eyJ[A-Za-z0-9+/=_-]{60}", stands_alone=True),
    Form("Dynatrace token", r"dt0[a-z][0-9]{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    Form("Mapbox secret token", r"sk\.eyJ[A-Za-z0-9_-]{40}", stands_alone=True),
    Form("Contentful token", "CFPAT-[A-Za-z0-9_-]{43}"),
    Form("PostHog key", "ph[sx]_[A-Za-z0-9_-]{43}", stands_alone=True),
    Form(
        "Plaid token", "access-(?:production|development|sandbox)-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}"
    ),
    Form("Telegram bot token", "(?:bot)?[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", stands_alone=True, is_exact=True),
    Form("Mailchimp key", "[0-9a-z]{32}-us[0-9]{1,2}"),
    Form("Mailgun key", "key-[0-9a-f]{32}", stands_alone=True),
    Form("SendGrid API key", r"SG\.[a-zA-Z0-9_-]{22}\.[a-zA-Z0-9_-]{43}"),
    Form("Brevo API key", "xkeysib-[a-f0-9]{64}"),
    Form("Square secret", r"sq0(?:csp|atp|idp)-[0-9A-Za-z\\_-]{22}"),
    Form("Stripe key", "[rs]k_live_[0-9a-zA-Z]{24}"),
    Form("Stripe webhook secret", "whsec_[A-Za-z0-9+/]{32}", stands_alone=True),
    Form("Shopify token", "shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    Form("Airtable token", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}", stands_alone=True),
    Form("Figma token", "fig[doruh]{1,2}_[A-Za-z0-9_-]{40}", stands_alone=True),
    Form("Linear API key", "lin_(?:api|oauth)_[A-Za-z0-9]{40}"),
    Form("Notion token", "ntn_[0-9]{11}[A-Za-z0-9]{35}", stands_alone=True),
    Form("Notion token", "secret_[A-Za-z0-9]{43}", stands_alone=True, is_exact=True, holds="aA0"),
    Form("Postman API key", "PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    Form("EasyPost key", "EZ[AT]K[A-Za-z0-9]{54}", stands_alone=True, is_exact=True, holds="aA0"),
    Form("Shippo key", "shippo_(?:live|test)_[a-f0-9]{40}", stands_alone=True),
    Form("Duffel token", "duffel_(?:live|test)_[A-Za-z0-9_-]{43}", stands_alone=True),
    Form("Typeform token", r"tfp_[A-Za-z0-9_.=-]{59}", stands_alone=True, holds="aA0"),
    Form("Adafruit key", "aio_[A-Za-z0-9]{28}", stands_alone=True, is_exact=True, holds="aA0"),
    Form("Prefect key", "pnu_[A-Za-z0-9]{36}", stands_alone=True, is_exact=True),
    Form(
        "Resend API key", "re_[A-Za-z0-9]{8}_[A-Za-z0-9]{24}", stands_alone=True, is_exact=True, holds="aA0"
    ),
    Form("Twilio API key", "SK[a-f0-9]{32}", stands_alone=True, is_exact=True, holds="a0"),
    Form("Voyage API key", "pa-[A-Za-z0-9_-]{43}", stands_alone=True, is_exact=True, holds="aA0"),
    Form("Firecrawl API key", "fc-[a-f0-9]{32}", stands_alone=True, is_exact=True, holds="a0"),
    Form("Modal token", "a[ks]-[A-Za-z0-9]{22}", stands_alone=True, is_exact=True, holds="aA"),
    Form("Frame.io token", "fio-u-[A-Za-z0-9_=-]{64}", stands_alone=True),
    Form("SettleMint token", "sm_[aps]at_[A-Za-z0-9]{16}", stands_alone=True, is_exact=True),
    Form("Ionic token", "ion_[A-Za-z0-9]{42}", stands_alone=True, is_exact=True),
    Form("Anyscale key", "esecret_[a-z0-9]{20}", stands_alone=True, holds="a0"),
    Form("Snyk token", r"snyk_[su]at\.[a-f0-9]{8}\.[A-Za-z0-9_.-]{40}", stands_alone=True),
    Form("ReadMe key", "rdme_[a-z0-9]{70}", stands_alone=True),
)

FORMS = (*KEYS, *CLOUDS, *CODE_HOSTS, *SERVICES)
