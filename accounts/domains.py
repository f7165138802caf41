"""Mail domains we know by name, beside the lists that the community maintains."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Names that can belong to nobody: RFC 2606, RFC 6761, RFC 6762, RFC 7686, RFC 8375, RFC 9476.
RESERVED_DOMAINS = frozenset({"example.com", "example.net", "example.org", "home.arpa"})
RESERVED_TLDS = frozenset(
    {"alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"}
)

# Forwarders that hide a person's own address; the mailbox behind them is not known.
RELAY_DOMAINS = _names(
    """
    users.noreply.github.com users.noreply.gitlab.com privaterelay.appleid.com mozmail.com
    relay.firefox.com duck.com simplelogin.com simplelogin.co simplelogin.fr aleeas.com slmail.me
    slmails.com silomails.com dralias.com 8alias.com 8shield.net passmail.net passmail.com
    passinbox.com passfwd.com anonaddy.com anonaddy.me addy.io addymail.com opayq.com erine.email
    """
)

# Mail for private persons that the maintained list does not name.
CONSUMER_DOMAINS = _names(
    """
    hey.com tuta.com tuta.io tutanota.com tutanota.de tutamail.com keemail.me mailbox.org
    disroot.org riseup.net icloud.com.cn zohomail.com zohomail.eu zohomail.in skiff.com
    startmail.com runbox.com mailfence.com hushmail.com kolabnow.com murena.io onmail.com
    fastmail.com fastmail.fm outlook.com hotmail.com live.com msn.com yahoo.com ymail.com
    rocketmail.com aol.com gmx.com gmx.de gmx.net web.de proton.me protonmail.com protonmail.ch
    pm.me icloud.com me.com mac.com gmail.com googlemail.com yandex.com yandex.ru ya.ru mail.ru
    """
)

# Throw-away mail that the maintained list does not name.
DISPOSABLE_DOMAINS = _names(
    """
    tempmail.com temp-mail.org temp-mail.io tempmailo.com 1secmail.com 1secmail.net 1secmail.org
    mail.tm minutemail.com guerrillamail.com mailinator.com yopmail.com trashmail.com
    emailondeck.com mohmal.com dropmail.me 33mail.com
    """
)

# Employers whose name says nothing about their form.
BUSINESS_DOMAINS = _names(
    """
    abb.com accenture.com adobe.com airbus.com allianz.com amazon.com amd.com anthropic.com
    apple.com atlassian.com basf.com bayer.com bcg.com bmw.de boeing.com bosch.com capgemini.com
    cisco.com citi.com cloudflare.com databricks.com datadoghq.com dell.com deloitte.com
    ericsson.com ey.com ge.com gitlab.com google.com gs.com hashicorp.com hp.com hpe.com hsbc.com
    huawei.com ibm.com infosys.com intel.com intuit.com jpmorgan.com kpmg.com linkedin.com
    lockheedmartin.com mckinsey.com meta.com microsoft.com mongodb.com morganstanley.com
    netflix.com nokia.com nvidia.com openai.com oracle.com paypal.com pfizer.com philips.com
    pwc.com qualcomm.com redhat.com roche.com salesforce.com samsung.com sap.com servicenow.com
    shell.com shopify.com siemens.com snowflake.com sony.com spotify.com stripe.com tcs.com
    tesla.com twilio.com uber.com unilever.com vmware.com volkswagen.de wipro.com workday.com
    zalando.de
    """
)

# Words for a form of enterprise, matched as whole tokens of a label, never inside one.
BUSINESS_TOKENS = _names(
    """
    agency company companies consultancy consultants consulting corp corporation enterprise
    enterprises gmbh holdings inc incorporated industries llc llp ltd plc pty sarl solutions srl
    startup startups technologies ventures
    """
)

# Under these anyone registers any word for the price of a coffee, so words prove nothing.
CHEAP_TLDS = frozenset({"biz", "click", "info", "online", "shop", "site", "top", "xyz"})

# Universities outside the `edu` and `ac` zones.
EDUCATION_DOMAINS = _names(
    """
    aalto.fi chalmers.se cuni.cz dtu.dk epfl.ch ethz.ch helsinki.fi ku.dk kth.se kuleuven.be lmu.de
    lu.se mcgill.ca ntnu.no polimi.it polito.it rwth-aachen.de sfu.ca sorbonne-universite.fr
    tudelft.nl tue.nl tum.de ubc.ca ugent.be uio.no unibo.it unipd.it uniroma1.it univie.ac.at
    utoronto.ca utwente.nl uu.nl uu.se uva.nl uwaterloo.ca vu.nl
    """
)
# Second labels of country zones that only schools get (`ac.uk`, `edu.au`).
EDUCATION_ZONES = frozenset({"ac", "edu", "sch", "k12"})
# Words that begin a university's name, believed only in these countries.
EDUCATION_TOKENS = frozenset({"fh", "hs", "th", "tu", "uni", "univ"})
EDUCATION_TOKEN_TLDS = frozenset({"at", "be", "ch", "de", "fr"})
