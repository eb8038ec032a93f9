import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.oauth_issuer import Clock, Issuer


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def issuer(signing_key: rsa.RSAPrivateKey) -> Issuer:
    return Issuer({"k1": signing_key})
